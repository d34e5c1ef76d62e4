"""How often an epoch hears each clip. In: clips, their sources, a weight for each source. Out: an epoch's clips.

A function of (seed, epoch), and of nothing that a split of the batch, workers or a resume change.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from raytrain.config.random_streams import RandomStream


@dataclass(frozen=True, slots=True)
class Heard:
    """The clips of one epoch, an entry for each time that one is heard; in the order of the clips."""

    indices: np.ndarray
    """The clips' places in the corpus."""
    nth: np.ndarray
    """Which of its times it is, from 0."""
    times: np.ndarray
    """How often the clip is heard in this epoch."""


class Repeats:
    """An epoch hears each clip of a source as often as its weight says, rounded down or up.

    Of a weight's fraction, that share of the source's clips is heard once more: the next ones of an order drawn by the
    seed, epoch after epoch, so that over the epochs no clip is heard more than once more often than another.
    """

    def __init__(self, indices: np.ndarray, sources: np.ndarray, weights: Sequence[float], *, seed: int = 0) -> None:
        """`sources` holds the number of each corpus place's source, which counts in `weights`; without weights each
        clip is heard once."""
        self._indices, self._seed = indices, seed
        mine = sources[indices]
        self._parts = [
            _Part(number, np.flatnonzero(mine == number), weight) for number, weight in enumerate(weights or (1.0,))
        ]
        self.examples: int = sum(len(part.places) * part.whole + part.extra for part in self._parts)
        """Clips that an epoch hears, repeats counted: the same in every epoch."""
        self.most: int = max((part.whole + (part.extra > 0) for part in self._parts if len(part.places)), default=1)
        """How often an epoch hears a clip at most."""

    def heard(self, epoch: int) -> Heard:
        """The clips of this epoch, from 0, each as often as it is heard."""
        times = np.zeros(len(self._indices), np.int64)
        for part in self._parts:
            times[part.places] = part.whole
            if part.extra:
                random = np.random.default_rng([self._seed, RandomStream.REPEATS, part.number])
                turn = (epoch * part.extra + np.arange(part.extra)) % len(part.places)
                times[random.permutation(part.places)[turn]] += 1
        first = np.cumsum(times) - times
        return Heard(
            np.repeat(self._indices, times),
            np.arange(times.sum()) - np.repeat(first, times),
            np.repeat(times, times),
        )


class _Part:
    """One source's clips."""

    def __init__(self, number: int, places: np.ndarray, weight: float) -> None:
        self.number, self.places = number, places
        self.whole = math.floor(weight)
        """How often each is heard."""
        share = (weight - self.whole) * len(places)
        self.extra = max(1, round(share)) if share else 0
        """How many of them are heard once more: a source of a few clips is never passed over."""
