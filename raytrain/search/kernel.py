"""How alike the WERs of samples are taken to be before any was trained: points in; covariances, by scales, out.

A bowl in the learning rate and the effective batch, whose place, curvature and tilt are open within what fine-tuning
shows: half or twice the best rate costs 2 to 20 %. What no bowl says is left to a smooth remainder, and every other key
has an effect of its own. Full and adapter fine-tuning have a bowl each, and a key that a sample does not have has no
effect on it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raytrain.config.branches import RATE
from raytrain.search.coordinates import Column, Points

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
_NOISE, _BOWL, _REST, _STRETCH = (0.015, 0.8), (1.0, 0.5), (0.06, 0.6), (1.0, 0.3)
"""Median and logarithmic standard deviation of each scale: a training's noise, the bowl, the remainder, its length."""
_EFFECT = (0.04, 1.0)
"""The same for the effect of every other key."""
_SAME = 1e-6


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


def _apart(these: Points, those: Points) -> Numbers:
    """Squared distances in the columns of one key."""
    found: Numbers = ((these[:, None, :] - those[None, :, :]) ** 2).sum(axis=2)
    return found


def _is_there(points: Points) -> NDArray[np.bool_]:
    """Whether each point has a place in the columns of a key."""
    found: NDArray[np.bool_] = np.logical_not(np.isnan(points).any(axis=1))
    return found
