"""What a study knows of every sample, tried or not: points and what was seen there in; mean and spread anywhere out.

A Gaussian process over the logarithm of the WER that starts from a fitted prior. A bowl in the learning rate and the
effective batch, whose place, curvature and tilt are open within what fine-tuning shows: half or twice the best rate
costs 2 to 20 %. What no bowl says is left to a smooth remainder, and every other key has an effect of its own, small
until the trials say otherwise. Full and adapter fine-tuning have a bowl each, and a key that a sample does not have has
no effect on it. All in closed form but for the scales, which are those that are likeliest by prior and
trials together.
"""

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raytrain.search.coordinates import RATE, Column, Points

Numbers = NDArray[np.floating[Any]]
_CURVATURE = {RATE: 0.15, "effective_batch_size": 0.05}
"""The logarithm of the WER at a factor of e from the best, before a bowl's own scale."""
_TILT = {RATE: 0.35, "effective_batch_size": 0.12}
"""Standard deviation of the slope at the baseline: how far off the baseline may be."""
_OPEN = {RATE: 0.06, "effective_batch_size": 0.02}
"""Standard deviation of the curvature: it is hardly ever below 0, where a far corner would look best."""
_CROSS = 0.07
"""Of the product of the two: how far the valley may run otherwise than it is taken to."""
_LENGTH = {RATE: 1.2, "effective_batch_size": 2.0}
"""Over which the remainder changes, in factors of e."""
_EFFECT_LENGTH, _TOGETHER_LENGTH = 0.7, 1.5
"""Over which the effect of another key changes, on its own and on what others do, as shares of its range."""
_LEVEL = 0.5
_NOISE, _BOWL, _REST, _STRETCH = (0.015, 0.8), (1.0, 0.5), (0.06, 0.6), (1.0, 0.3)
"""Median and logarithmic standard deviation of each scale: a training's noise, the bowl, the remainder, its length."""
_EFFECT = (0.04, 1.0)
"""The same for the effect of every other key."""
_TRUST_SPREAD = 1.5
"""Standard deviation of the logarithm of a correlation's odds."""
_DROPPED = 1.5
"""Logarithm of how much less likely it is taken to be, before there are trials, that a borrowed study says nothing."""
_STEPS = (1.0, 0.5, 0.25)
_JITTER = 1e-8
_SAME = 1e-6


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


class Kernel:
    """How alike the WERs of two points are taken to be, by the scales."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._valley = [place for place, column in enumerate(columns) if column.in_valley]
        self._keys = [columns[place].key for place in self._valley]
        self._branch = [place for place, column in enumerate(columns) if column.is_branch]
        rest = dict.fromkeys(column.key for column in columns if not column.in_valley)
        self._groups = [[place for place, column in enumerate(columns) if column.key == key] for key in rest]
        self.priors = [_NOISE, _BOWL, _REST, _STRETCH, *[_EFFECT] * len(self._groups)]

    def parts(self, these: Points, those: Points) -> tuple[Numbers, Numbers, list[Numbers], Numbers]:
        """All that no scale bears on: the bowl, distances in the valley, effects of other keys, distances in them."""
        bowl = np.zeros((len(these), len(those)))
        apart = np.zeros_like(bowl)
        for place, key in zip(self._valley, self._keys, strict=True):
            a, b = these[:, place, None], those[None, :, place]
            bowl += _TILT[key] ** 2 * a * b + (_OPEN[key] * a * b) ** 2
            apart += ((a - b) / _LENGTH[key]) ** 2
        if len(self._valley) == 2:
            crossed = [points[:, self._valley].prod(axis=1) for points in (these, those)]
            bowl += _CROSS**2 * crossed[0][:, None] * crossed[1]
        if self._branch:
            bowl *= _apart(these[:, self._branch], those[:, self._branch]) < _SAME
        # Taken for one in the middle: if what is missing lay beside every value, no such function could be drawn.
        filled, others_filled = (np.nan_to_num(points, nan=0.5) for points in (these, those))
        others = [_apart(filled[:, group], others_filled[:, group]) for group in self._groups]
        together = sum(others, start=np.zeros_like(bowl)) / _TOGETHER_LENGTH**2
        effects = [
            np.exp(-0.5 * one / _EFFECT_LENGTH**2) * _is_there(these[:, group])[:, None] * _is_there(those[:, group])
            for one, group in zip(others, self._groups, strict=True)
        ]
        return bowl, apart, effects, together

    def covariance(self, parts: tuple[Numbers, Numbers, list[Numbers], Numbers], scales: Numbers) -> Numbers:
        """Between the two sets of points that the parts are of."""
        bowl, apart, effects, together = parts
        found = scales[1] ** 2 * bowl
        found += scales[2] ** 2 * np.exp(-0.5 * (apart / scales[3] ** 2 + together))
        for scale, effect in zip(scales[4:], effects, strict=True):
            found += scale**2 * effect
        return found

    def mean(self, points: Points, scales: Numbers) -> Numbers:
        """The bowl as it is expected, about the baseline."""
        found = np.zeros(len(points))
        for place, key in zip(self._valley, self._keys, strict=True):
            found += _CURVATURE[key] * points[:, place] ** 2
        return scales[1] * found

    def variance(self, points: Points, scales: Numbers) -> Numbers:
        """Of each point alone."""
        found = np.full(len(points), scales[2] ** 2)
        for scale, group in zip(scales[4:], self._groups, strict=True):
            found += scale**2 * _is_there(points[:, group])
        for place, key in zip(self._valley, self._keys, strict=True):
            a = points[:, place]
            found += scales[1] ** 2 * (_TILT[key] ** 2 * a**2 + _OPEN[key] ** 2 * a**4)
        if len(self._valley) == 2:
            found += scales[1] ** 2 * _CROSS**2 * points[:, self._valley].prod(axis=1) ** 2
        return found


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
        self._scales, self.correlations = self._likeliest()
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

    def _likeliest(self) -> tuple[Numbers, Numbers]:
        """Scales and correlations, one after the other a step up or down as long as that is likelier; then without each
        borrowed study in turn."""
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
        return self._at(at)

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


def _apart(these: Points, those: Points) -> Numbers:
    """Squared distances in the columns of one key."""
    found: Numbers = ((these[:, None, :] - those[None, :, :]) ** 2).sum(axis=2)
    return found


def _is_there(points: Points) -> NDArray[np.bool_]:
    """Whether each point has a place in the columns of a key."""
    found: NDArray[np.bool_] = np.logical_not(np.isnan(points).any(axis=1))
    return found
