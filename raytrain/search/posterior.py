"""What a study knows of every sample, tried or not: points and what was seen there in; mean and spread anywhere out.

A Gaussian process over the logarithm of the WER that starts from a fitted prior. A bowl in the learning rate and the
effective batch, whose place, curvature and tilt are open within what fine-tuning shows: half or twice the best rate
costs 2 to 20 %. What no bowl says is left to a smooth remainder, and every other key has an effect of its own, small
until the trials say otherwise. All in closed form but for the scales, which are those that are likeliest by prior and
trials together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
_EFFECT = (0.03, 0.8)
"""The same for the effect of every other key."""
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


class Kernel:
    """How alike the WERs of two points are taken to be, by the scales."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._valley = [place for place, column in enumerate(columns) if column.in_valley]
        self._keys = [columns[place].key for place in self._valley]
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
        others = [_apart(these[:, group], those[:, group]) for group in self._groups]
        together = sum(others, start=np.zeros_like(bowl)) / _TOGETHER_LENGTH**2
        return bowl, apart, [np.exp(-0.5 * one / _EFFECT_LENGTH**2) for one in others], together

    def covariance(self, parts: tuple[Numbers, Numbers, list[Numbers], Numbers], scales: Numbers) -> Numbers:
        """Between the two sets of points that the parts are of."""
        bowl, apart, effects, together = parts
        found = _LEVEL**2 + scales[1] ** 2 * bowl
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
        found = np.full(len(points), _LEVEL**2 + scales[2] ** 2 + (scales[4:] ** 2).sum())
        for place, key in zip(self._valley, self._keys, strict=True):
            a = points[:, place]
            found += scales[1] ** 2 * (_TILT[key] ** 2 * a**2 + _OPEN[key] ** 2 * a**4)
        if len(self._valley) == 2:
            found += scales[1] ** 2 * _CROSS**2 * points[:, self._valley].prod(axis=1) ** 2
        return found


class Posterior:
    """The kernel after what was seen."""

    def __init__(self, columns: Sequence[Column], seen: Observed, *, scales: Numbers | None = None) -> None:
        self._columns, self._kernel, self._seen = columns, Kernel(columns), seen
        self._parts = self._kernel.parts(seen.points, seen.points)
        self._middle = float(np.median(seen.values)) if len(seen.values) else 0.0
        self.scales = self._likeliest() if scales is None else scales
        factor, self._weights = self._solved(self.scales)
        self._whitener: Numbers = np.linalg.inv(factor)

    @property
    def noise(self) -> float:
        return float(self.scales[0])

    def predict(self, points: Points) -> tuple[Numbers, Numbers]:
        """Mean and standard deviation of the logarithm of the WER without noise."""
        cross = self._kernel.covariance(self._kernel.parts(points, self._seen.points), self.scales)
        solved = self._whitener @ cross.T
        mean = self._middle + self._kernel.mean(points, self.scales) + cross @ self._weights
        variance = self._kernel.variance(points, self.scales) - (solved**2).sum(axis=0)
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def draw(self, points: Points, *, count: int, seed: int) -> Numbers:
        """Functions that the trials leave possible, at these points: a row each."""
        cross = self._kernel.covariance(self._kernel.parts(points, self._seen.points), self.scales)
        solved = self._whitener @ cross.T
        mean = self._middle + self._kernel.mean(points, self.scales) + cross @ self._weights
        left = self._kernel.covariance(self._kernel.parts(points, points), self.scales) - solved.T @ solved
        factor = np.linalg.cholesky(left + 1e-6 * np.eye(len(points)))
        return mean + np.random.default_rng(seed).standard_normal((count, len(points))) @ factor.T

    def believing(self, points: Points) -> "Posterior":
        """As if at these points, where trials still run, what is expected had been seen."""
        if not len(points):
            return self
        mean, _ = self.predict(points)
        seen = self._seen
        believed = Observed(
            np.concatenate([seen.points, points]),
            np.concatenate([seen.values, mean]),
            np.concatenate([seen.doubt, np.zeros(len(points))]),
        )
        return Posterior(self._columns, believed, scales=self.scales)

    def _solved(self, scales: Numbers) -> tuple[Numbers, Numbers]:
        covariance = self._kernel.covariance(self._parts, scales)
        covariance[np.diag_indices_from(covariance)] += scales[0] ** 2 + self._seen.doubt**2 + _JITTER
        factor: Numbers = np.linalg.cholesky(covariance)
        weights: Numbers = np.linalg.solve(factor.T, np.linalg.solve(factor, self._rest(scales)))
        return factor, weights

    def _rest(self, scales: Numbers) -> Numbers:
        """What was seen beyond what was expected."""
        rest: Numbers = self._seen.values - self._middle - self._kernel.mean(self._seen.points, scales)
        return rest

    def _likeliest(self) -> Numbers:
        """The scales, one after the other a step up or down as long as that is likelier."""
        medians, spreads = np.array(self._kernel.priors).T
        at = np.zeros(len(medians))
        best = self._likelihood(at, medians, spreads)
        for step in _STEPS:
            for place in range(len(at)):
                for direction in (step, -step):
                    moved = at.copy()
                    moved[place] += direction
                    likelihood = self._likelihood(moved, medians, spreads)
                    if likelihood > best:
                        at, best = moved, likelihood
                        break
        return medians * np.exp(spreads * at)

    def _likelihood(self, at: Numbers, medians: Numbers, spreads: Numbers) -> float:
        scales = medians * np.exp(spreads * at)
        factor, weights = self._solved(scales)
        return float(-0.5 * self._rest(scales) @ weights - np.log(np.diag(factor)).sum() - 0.5 * at @ at)


def below(ratio: Numbers) -> Numbers:
    """The chance of a standard normal number to lie below each of these."""
    return 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(ratio / math.sqrt(2)))


def _apart(these: Points, those: Points) -> Numbers:
    return ((these[:, None, :] - those[None, :, :]) ** 2).sum(axis=2)
