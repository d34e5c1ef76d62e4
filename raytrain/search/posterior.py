"""What a study knows of every sample, tried or not: points and what was seen there in; mean and spread anywhere out.

A Gaussian process over the logarithm of the WER that starts from a fitted prior: the bowl of kernel.py, and an effect
of every other key, small until the trials say otherwise. All in closed form but for the scales, which are those that
are likeliest by prior and trials together.
"""

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from raytrain.search.coordinates import Column, Points
from raytrain.search.kernel import Kernel, Numbers

_LEVEL = 0.5
_TRUST_SPREAD = 1.5
"""Standard deviation of the logarithm of a correlation's odds."""
_DROPPED = 1.5
"""Logarithm of how much less likely it is taken to be, before there are trials, that a borrowed study says nothing."""
_STEPS = (1.0, 0.5, 0.25)
_JITTER = 1e-8


@dataclass(frozen=True)
class Observed:
    """Points, and what was seen there."""

    points: Points
    values: Numbers
    """Logarithms of WERs."""
    doubt: Numbers
    """Standard deviation of what is known of each, beyond the noise that all trainings have."""
    study: NDArray[np.intp]
    """0 for a trial of this study; of one that was borrowed, the place of its study from 1 on."""

    def and_also(self, other: "Observed") -> "Observed":
        """With what the other says, too."""
        names = [one.name for one in fields(self)]
        return Observed(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))


class Posterior:
    """The kernel after what was seen.

    Studies that were borrowed from are further tasks (Bonilla et al., 2007): each has a level of its own, and all else
    correlates with this study's. How far is part of what is likeliest; where no correlation is likelier, it is none.
    """

    def __init__(self, columns: Sequence[Column], seen: Observed, *, trust: Sequence[float] = ()) -> None:
        """`trust` is what each borrowed study's correlation is taken to be before there is anything to tell it by."""
        self._kernel, self._seen, self._trust = Kernel(columns), seen, np.array(trust)
        self._parts = self._kernel.parts(seen.points, seen.points)
        self._middles = np.array(
            [np.median(seen.values[seen.study == study]) if (seen.study == study).any() else 0.0
             for study in range(len(trust) + 1)]
        )  # fmt: skip
        self._scales, self.correlations, self.likelihood = self._likeliest()
        self._solve()

    @property
    def noise(self) -> float:
        """Standard deviation of a training's logarithm of the WER."""
        return float(self._scales[0])

    def predict(self, points: Points) -> tuple[Numbers, Numbers]:
        """Mean and standard deviation of the logarithm of the WER without noise."""
        mean, solved = self._mean(points)
        variance = _LEVEL**2 + self._kernel.variance(points, self._scales) - (solved**2).sum(axis=0)
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def draw(self, points: Points, *, count: int, seed: int) -> Numbers:
        """Functions that the trials leave possible, at these points: a row each."""
        mean, solved = self._mean(points)
        left = _LEVEL**2 + self._kernel.covariance(self._kernel.parts(points, points), self._scales)
        factor = np.linalg.cholesky(left - solved.T @ solved + 1e-6 * np.eye(len(points)))
        return mean + np.random.default_rng(seed).standard_normal((count, len(points))) @ factor.T

    def believing(self, points: Points) -> "Posterior":
        """As if at these points, where trials still run, what is expected had been seen."""
        if not len(points):
            return self
        found = copy(self)
        expected, exactly = self.predict(points)[0], np.zeros(len(points))
        found._seen = self._seen.and_also(Observed(points, expected, exactly, exactly.astype(np.intp)))
        found._parts = self._kernel.parts(found._seen.points, found._seen.points)
        found._solve()
        return found

    def _mean(self, points: Points) -> tuple[Numbers, Numbers]:
        cross = self._kernel.covariance(self._kernel.parts(points, self._seen.points), self._scales)
        own = np.zeros(len(points), dtype=np.intp)
        cross = _of_studies(cross, own, self._seen.study, self.correlations)
        mean = self._middles[0] + self._kernel.mean(points, self._scales) + cross @ self._weights
        return mean, self._whitener @ cross.T

    def _solve(self) -> None:
        factor, self._weights = self._solved(self._scales, self.correlations)
        self._whitener: Numbers = np.linalg.inv(factor)

    def _solved(self, scales: Numbers, correlations: Numbers) -> tuple[Numbers, Numbers]:
        study = self._seen.study
        covariance = _of_studies(self._kernel.covariance(self._parts, scales), study, study, correlations)
        covariance[np.diag_indices_from(covariance)] += scales[0] ** 2 + self._seen.doubt**2 + _JITTER
        factor: Numbers = np.linalg.cholesky(covariance)
        weights: Numbers = np.linalg.solve(factor.T, np.linalg.solve(factor, self._rest(scales)))
        return factor, weights

    def _rest(self, scales: Numbers) -> Numbers:
        """What was seen beyond what was expected."""
        rest: Numbers = self._seen.values - self._middles[self._seen.study]
        return rest - self._kernel.mean(self._seen.points, scales)

    def _likeliest(self) -> tuple[Numbers, Numbers, float]:
        """Scales and correlations, one after the other a step up or down as long as that is likelier, then without each
        borrowed study in turn; and the logarithm of how likely they and what was seen are."""
        at = np.zeros(len(self._kernel.priors) + len(self._trust))
        best = self._likelihood(at)
        for step in _STEPS:
            for place in range(len(at)):
                for direction in (step, -step):
                    moved = at.copy()
                    moved[place] += direction
                    likelihood = self._likelihood(moved)
                    if likelihood > best:
                        at, best = moved, likelihood
                        break
        for place in range(len(self._kernel.priors), len(at)):
            alone = at.copy()
            alone[place] = -np.inf
            likelihood = self._likelihood(alone)
            if likelihood > best:
                at, best = alone, likelihood
        return *self._at(at), best

    def _at(self, at: Numbers) -> tuple[Numbers, Numbers]:
        """Scales and correlations so many standard deviations of their priors from the middle."""
        medians, spreads = np.array(self._kernel.priors).T
        scales, of_trust = at[: len(medians)], at[len(medians) :]
        odds = np.log(self._trust / (1 - self._trust)) + _TRUST_SPREAD * of_trust
        return medians * np.exp(spreads * scales), np.concatenate([[1.0], 1 / (1 + np.exp(-odds))])

    def _likelihood(self, at: Numbers) -> float:
        scales, correlations = self._at(at)
        factor, weights = self._solved(scales, correlations)
        by_trials = -0.5 * self._rest(scales) @ weights - np.log(np.diag(factor)).sum()
        by_prior = np.where(np.isinf(at), -_DROPPED, -0.5 * np.where(np.isinf(at), 0, at) ** 2)
        return float(by_trials + by_prior.sum())


def _of_studies(
    covariance: Numbers, these: NDArray[np.intp], those: NDArray[np.intp], correlations: Numbers
) -> Numbers:
    """A covariance within one study, as it is between points of these studies, each with a level of its own."""
    same = these[:, None] == those[None, :]
    shared: Numbers = np.where(same, 1.0, correlations[these][:, None] * correlations[those][None, :])
    return covariance * shared + _LEVEL**2 * same


def below(ratio: Numbers) -> Numbers:
    """The chance of a standard normal number to lie below each of these."""
    return 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(ratio / math.sqrt(2)))
