"""Which utterances make up optimizer step k. In: durations, a seed, an effective batch size. Out: EffectiveBatch.

A plan is a pure function of (seed, step): a resumed run asks for step k and needs no saved position, and every rank
draws the same effective batch before any of them takes its share.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from raytrain.config.baseline import Audio
from raytrain.config.random_streams import RandomStream
from raytrain.errors import InputError
from raytrain.speech.repeats import Repeats

_POOL_BATCHES = 50
"""Effective batches that are sorted by length together: of 5,000 children's clips, 36 at once, windows are 1.2 % longer
than what their clips need; with 20 it is 2.6 %, unsorted 37 %."""


@dataclass(frozen=True, slots=True)
class EffectiveBatch:
    """The utterances of one optimizer step over all micro-batches and workers, drawn first and split afterwards."""

    step: int
    """The number of the optimizer step, from 0."""
    indices: np.ndarray
    """The utterances' places in the corpus."""
    longest_s: float
    """Seconds of the longest clip."""
    extra_s: float
    """Random extra audio window, the same for the whole effective batch: Whisper's encoder has no attention mask, so
    that micro-batches at different windows would be different steps."""


class BatchPlan:
    """The order of training. Each epoch visits every utterance once, or as often as its source's weight says; its last
    batch may be short."""

    def __init__(
        self,
        durations_s: Sequence[float] | np.ndarray,
        *,
        effective_batch_size: int,
        seed: int,
        audio: Audio,
        indices: Sequence[int] | np.ndarray | None = None,
        sources: np.ndarray | None = None,
        weights: Sequence[float] = (1.0,),
    ) -> None:
        """`indices` restricts the plan to a part of the corpus, such as its training half. Clips longer than
        `audio.max_window_s` are left out; `left_out` holds them, to be counted. `sources` has the number of each
        utterance's source, which counts in `weights`."""
        self.durations_s = np.asarray(durations_s, dtype=np.float64)
        wanted = np.arange(len(self.durations_s)) if indices is None else np.asarray(indices, dtype=np.int64)
        fits = self.durations_s[wanted] <= audio.max_window_s
        self.indices, self.left_out = wanted[fits], wanted[~fits]
        if not len(self.indices):
            raise InputError(
                f"training data: none of {len(wanted)} utterances is at most audio.max_window_s = {audio.max_window_s} "
                "seconds long; give data with shorter clips or raise audio.max_window_s (at most 30)"
            )
        numbers = np.zeros(len(self.durations_s), np.int64) if sources is None else sources
        self._repeats = Repeats(self.indices, numbers, weights, seed=seed)
        self.examples_per_epoch = self._repeats.examples
        """Utterances that an epoch trains on, repeats counted."""
        self.effective_batch_size = effective_batch_size
        self.steps_per_epoch = math.ceil(self.examples_per_epoch / effective_batch_size)
        self._seed, self._jitter_s = seed, audio.most_jitter_s
        self._epoch_in_hand: tuple[int, list[np.ndarray]] = (-1, [])

    def batch(self, step: int) -> EffectiveBatch:
        """The effective batch of this 0-based step, whatever was asked for before."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._epoch_in_hand[0] != epoch:  # sorting half a million lengths each step would be felt
            self._epoch_in_hand = (epoch, self._epoch(epoch))
        chosen = self._epoch_in_hand[1][position]
        extra_s = np.random.default_rng([self._seed, RandomStream.EXTRA_WINDOW, step]).uniform(0.0, self._jitter_s)
        return EffectiveBatch(step, chosen, float(self.durations_s[chosen].max()), float(extra_s))

    def examples_after(self, steps: int) -> int:
        """Utterances trained on once so many steps are done."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        return epochs * self.examples_per_epoch + min(rest * self.effective_batch_size, self.examples_per_epoch)

    def steps_for(self, examples: int) -> int:
        """The first number of steps after which at least so many utterances have been trained on."""
        epochs, rest = divmod(examples, self.examples_per_epoch)
        return epochs * self.steps_per_epoch + math.ceil(rest / self.effective_batch_size)

    def _epoch(self, epoch: int) -> list[np.ndarray]:
        """An epoch's batches: shuffled, sorted by length in pools and cut, shuffled again; the short one at the end."""
        size = self.effective_batch_size
        random = np.random.default_rng([self._seed, RandomStream.ORDER, epoch])
        order = self._shuffled(epoch, random)
        whole = len(order) // size * size
        # The short batch is cut off before sorting: a chance sample, not the longest or the shortest of a pool.
        batches: list[np.ndarray] = []
        for start, end in pairwise(self._pool_ends(whole // size)):
            pool = order[start * size : end * size]
            pool = pool[np.argsort(self.durations_s[pool], kind="stable")]
            batches += np.split(pool, end - start)
        batches = [batches[place] for place in random.permutation(len(batches))]
        return [*batches, order[whole:]] if whole < len(order) else batches

    def _shuffled(self, epoch: int, random: np.random.Generator) -> np.ndarray:
        """An epoch's utterances in any order, but of n times that one is heard each in its own nth of the epoch."""
        heard = self._repeats.heard(epoch)
        order = random.permutation(np.arange(len(heard.indices)))
        if self._repeats.most > 1:
            within = np.arange(len(order)) / len(order)
            order = order[np.argsort((heard.nth[order] + within) / heard.times[order], kind="stable")]
        return heard.indices[order]

    def _pool_ends(self, num_batches: int) -> list[int]:
        """Where pools begin and end, in batches. In a pool the several times of one utterance would come into one
        batch, since they have one length: where some are heard n times, no pool is in two nths of the epoch."""
        parts = [round(num_batches * part / self._repeats.most) for part in range(self._repeats.most + 1)]
        starts = {start for begin, end in pairwise(parts) for start in range(begin, end, _POOL_BATCHES)}
        return [*sorted(starts), num_batches]
