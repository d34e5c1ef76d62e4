"""How an effective batch is split: its size and all other values in; a whole sample that fits and is new out."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from raytrain.config.space import Search
from raytrain.search.axes import MICRO_BATCH, Axes, Listed, Sample
from raytrain.search.encoding import Tried, Wanted
from raytrain.search.identity import Identity, identity, others_of

_SAME_SIZE = 0.05
"""Effective batches that differ by less, as a share, are drawn as one: most have a single split of their own."""
_SAME_QUALITY = 0.15
"""Where equivalents are reused, effective batches that differ by no more are not worth a training each: if twice the
effective batch is 5 % of the WER, this is 0.2 %."""

_SIZES = 25
"""Effective batches among which one is chosen, spread evenly by ratio."""


class Splits:
    """Chooses how an effective batch is split: evenly among what fits and is about of that size."""

    def __init__(
        self, axes: Axes, tried: Sequence[Tried], *, search: Search, fits: Callable[[Sample], bool], seed: int
    ) -> None:
        self._axes, self._fits = axes, fits
        # A number drawn from a range does not come up twice, and neither does a training then.
        is_listed = all(isinstance(axis, Listed) for axis in axes.others)
        self._may_repeat = search.reuse_equivalent and bool(axes.factors) and is_listed
        self._random = np.random.default_rng(seed)
        self._seen = {one.identity for one in tried}
        self._begun = {_training_of(axes, one) for one in tried}
        self._trained: dict[Any, set[int]] = defaultdict(set)
        """Effective batches by all other values."""
        for one in tried:
            if one.was_trained:
                self._trained[one.others].add(axes.effective_batch_size(one.sample))

    def complete(self, wanted: Wanted) -> Sample | None:
        """A whole sample, about as was wanted."""
        fitting = self._fitting(wanted.size, wanted.others)
        if wanted.micro_batch is not None and fitting:
            choices = _nearest_micro_batches(self._about_the_first(fitting), wanted.micro_batch)
        elif self._may_repeat:
            choices = self._probes(wanted) or self._of_many_splits(self._new(fitting) or fitting, wanted.others)
        else:
            choices = self._about_the_first(self._new(fitting) or fitting)
        return choices[self._random.integers(len(choices))] if choices else None

    def sizes(self, others: Sample) -> list[float]:
        """Effective batches, in order and spread over all there are, of which something fits with these values."""
        low, high = self._axes.smallest_and_largest
        grid = np.geomspace(low, high, _SIZES) if high > low else [low]
        samples = (({**split, **others} for split in self._axes.splits_near(size)) for size in grid)
        nearest = (next((one for one in some if self._fits(one)), None) for some in samples)
        return sorted({float(self._axes.effective_batch_size(one)) for one in nearest if one is not None})

    def _fitting(self, size: float, others: Sample, *, exactly: bool = False) -> list[Sample]:
        """What was not tried and will fit, nearest to that size first."""
        return [
            sample
            for split in self._axes.splits_near(size)
            if not exactly or self._axes.effective_batch_size(split) == size
            if identity(sample := {**split, **others}) not in self._seen and self._fits(sample)
        ]

    def _probes(self, wanted: Wanted) -> list[Sample]:
        """Other splits of a training of about that size: they cost seconds, and their WER is as good as known."""
        known = self._trained[identity(wanted.others)]
        distances = sorted((abs(math.log(size / wanted.size)), size) for size in known)
        near = (size for distance, size in distances if distance <= _SAME_QUALITY)
        return next((splits for size in near if (splits := self._fitting(size, wanted.others, exactly=True))), [])

    def _of_many_splits(self, samples: Sequence[Sample], others: Sample) -> list[Sample]:
        """All splits of one size, about the first's: the one that has most, since the others will then be probed."""
        near = map(self._axes.effective_batch_size, self._about_the_first(samples, within=_SAME_QUALITY))
        return max((self._fitting(size, others, exactly=True) for size in dict.fromkeys(near)), key=len, default=[])

    def _new(self, fitting: Sequence[Sample]) -> list[Sample]:
        """Rather of a size that was not begun with these values yet."""
        return [sample for sample in fitting if _training(self._axes, sample) not in self._begun]

    def _about_the_first(self, samples: Sequence[Sample], *, within: float = _SAME_SIZE) -> list[Sample]:
        """Those whose effective batch is about that of the first, which is the nearest to the drawn."""
        sizes = [self._axes.effective_batch_size(sample) for sample in samples]
        return [sample for sample, size in zip(samples, sizes, strict=True) if abs(math.log(size / sizes[0])) <= within]


def _nearest_micro_batches(samples: Sequence[Sample], wanted: float) -> list[Sample]:
    distances = [abs(math.log(sample[MICRO_BATCH] / wanted)) for sample in samples]  # type: ignore[operator]
    return [sample for sample, distance in zip(samples, distances, strict=True) if distance == min(distances)]


def once_each(axes: Axes, tried: Sequence[Tried]) -> list[Tried]:
    """Of trials that share a training the one that keeps the limit best: a WER seen twice would look twice as sure."""
    chosen: dict[Any, Tried] = {}
    for one in tried:
        key = _training_of(axes, one) if one.was_trained else one.identity
        known = chosen.get(key)
        if known is None or (one.violation or 0.0) < (known.violation or 0.0):
            chosen[key] = one
    return list(chosen.values())


def _training(axes: Axes, sample: Sample) -> tuple[Identity, int]:
    """What is the same for all splits of one effective batch."""
    return identity(others_of(sample)), axes.effective_batch_size(sample)


def _training_of(axes: Axes, one: Tried) -> tuple[Identity, int]:
    return one.others, axes.effective_batch_size(one.sample)
