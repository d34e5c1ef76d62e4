"""Surfaces that nothing was tuned on, of other shapes: cliffs, plateaus, kinks, two valleys, more keys, more noise.

They are held out: a change of the sampler is chosen by `surfaces` alone, and these say whether it is one elsewhere.
All of their WERs are invented.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from raytrain.benchmarks.surfaces import ACCUMULATION, BATCH, RATE, Surface, log_range, rehearsed_space
from raytrain.config.reader import apply_sample, load_baseline

_WARMUP, _DECAY, _DROPOUT = "training.warmup_steps", "training.weight_decay", "model.dropout"
_AUGMENT, _FROZEN = "training.spec_augment", "model.freeze_encoder"
_BATCHES = [1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32]


@dataclass(frozen=True)
class _Bowl:
    """What a rate costs: more and more above the best, and below it no more than what an untrained model lacks."""

    curvature: float
    most: float = 0.6

    def __call__(self, rate: Any) -> Any:
        too_low = self.most * (1 - np.exp(-self.curvature * rate**2 / self.most))
        return np.where(rate < 0, too_low, self.curvature * rate**2)


@dataclass(frozen=True, kw_only=True)
class Valley:
    """A WER by what a rate costs that lies off the best for its effective batch, and what an effective batch costs."""

    best_effective_batch: float
    best_rate: float
    slope: float
    """The power of the effective batch by which the best rate grows."""
    rate_cost: Callable[[Any], Any]
    """The share that the WER rises by, of the logarithm of a rate over the best."""
    size_cost: float
    """The same of the squared logarithm of an effective batch over the best."""
    lowest: float = 0.0911
    noise: float = 0.01

    def wer(self, effective_batch_size: Any, learning_rate: Any) -> Any:
        """The WER that a training would have without noise; infinite where it diverges."""
        size = np.log(np.asarray(effective_batch_size) / self.best_effective_batch)
        rate = np.log(np.asarray(learning_rate) / self.best_rate) - self.slope * size
        return self.lowest * (1 + self.rate_cost(rate) + self.size_cost * size**2)


@dataclass(frozen=True, kw_only=True)
class Lowest:
    """The lower of two laws: the deeper valley is the narrower."""

    wide: Valley
    deep: Valley

    @property
    def noise(self) -> float:
        return self.deep.noise

    def wer(self, effective_batch_size: Any, learning_rate: Any) -> Any:
        """The WER that a training would have without noise."""
        return np.minimum(
            self.wide.wer(effective_batch_size, learning_rate), self.deep.wer(effective_batch_size, learning_rate)
        )


def further_surfaces() -> list[Surface]:
    """Seven surfaces that are held out."""
    small = load_baseline("small")
    keeps_activations = load_baseline("small", ["model.gradient_checkpointing=false"])
    wide = {BATCH: {"values": _BATCHES}, ACCUMULATION: {"low": 1, "high": 36}, RATE: log_range(2e-6, 1e-4)}
    more = {
        _WARMUP: {"low": 0, "high": 1000, "step": 100},
        _DECAY: {"values": [0.0, 0.01, 0.1]},
        _AUGMENT: {"values": [None, "basic", "double"]},
        _DROPOUT: {"low": 0.0, "high": 0.3, "step": 0.05},
        _FROZEN: {"values": [False, True]},
    }
    return [
        Surface(
            name="low_rate_beside_a_large_batch",
            about="no wall, 3 % noise; the best rate is low and the best effective batch large",
            baseline=small, space=rehearsed_space(wide), wall_gib=80,
            law=Valley(
                best_effective_batch=80, best_rate=5e-6, slope=0.5, rate_cost=_Bowl(0.25), size_cost=0.06, noise=0.03
            ),
        ),
        Surface(
            name="plateau_before_a_cliff",
            about="16 GiB; rates from half the best are nearly as good, 2.2 times the best diverges",
            baseline=apply_sample(keeps_activations, {BATCH: 4, ACCUMULATION: 9}),
            space=rehearsed_space(wide), wall_gib=16,
            law=Valley(best_effective_batch=32, best_rate=2.2e-5, slope=0.5, rate_cost=_cliff, size_cost=0.05),
        ),
        Surface(
            name="kink_that_grows_in_proportion",
            about="10 GiB; the WER rises from the best rate in straight lines, and that grows with the batch itself",
            baseline=small, space=rehearsed_space(wide), wall_gib=10,
            law=Valley(best_effective_batch=16, best_rate=1.2e-5, slope=1.0, rate_cost=_kink, size_cost=0.04),
        ),
        Surface(
            name="two_valleys",
            about="24 GiB; a wide valley at a low rate, a narrower and deeper one at a high; no slope",
            baseline=small, space=rehearsed_space(wide), wall_gib=24,
            law=Lowest(
                wide=Valley(
                    best_effective_batch=48, best_rate=9e-6, slope=0, rate_cost=_Bowl(0.1), size_cost=0.03, lowest=0.099
                ),
                deep=Valley(best_effective_batch=24, best_rate=5.5e-5, slope=0, rate_cost=_Bowl(0.9), size_cost=0.1),
            ),
        ),
        Surface(
            name="eight_keys_8_gib",
            about="8 GiB, all that full.yaml varies; augmentation and an open encoder help, dropout hurts",
            baseline=small, space=rehearsed_space(wide | more), wall_gib=8,
            law=Valley(
                best_effective_batch=24, best_rate=2.5e-5, slope=0.5, rate_cost=_Bowl(0.2), size_cost=0.05, noise=0.015
            ),
            others=_all_matter,
        ),
        Surface(
            name="other_keys_matter_most",
            about="no wall, few effective batches; warm-up and dropout matter more than the rate",
            baseline=small, wall_gib=80,
            space=rehearsed_space(
                {BATCH: {"values": [4, 8, 12]}, ACCUMULATION: {"low": 1, "high": 4}, RATE: log_range(3e-6, 3e-5)} | more
            ),
            law=Valley(best_effective_batch=24, best_rate=1.4e-5, slope=0.5, rate_cost=_Bowl(0.08), size_cost=0.01),
            others=_warmup_and_dropout,
        ),
        Surface(
            name="flat_and_noisy",
            about="8 GiB, 5 % noise; the effective batch hardly matters, low rates learn little",
            baseline=apply_sample(small, {RATE: 3e-6}), space=rehearsed_space(wide), wall_gib=8,
            law=Valley(
                best_effective_batch=24, best_rate=3e-5, slope=0.3, rate_cost=_shoulder, size_cost=0.005, noise=0.05
            ),
        ),
    ]  # fmt: skip


def _cliff(rate: Any) -> Any:
    below = 0.02 * np.minimum(-rate, 0.7) / 0.7 + 0.15 * np.maximum(-rate - 0.7, 0) ** 1.5
    return np.where(rate > math.log(2.2), np.inf, np.where(rate < 0, np.minimum(below, 0.5), 0.5 * np.abs(rate) ** 3))


def _kink(rate: Any) -> Any:
    return np.where(rate > math.log(8), np.inf, np.where(rate < 0, np.minimum(-0.1 * rate, 0.4), 0.18 * rate))


def _shoulder(rate: Any) -> Any:
    return 0.45 / (1 + np.exp(3 * (rate + 1.6))) + 0.2 * np.maximum(rate - 0.5, 0) ** 2


def _all_matter(sample: Mapping[str, Any]) -> float:
    """What the other keys multiply the WER by: 1 for the best of them."""
    augment = {None: 0.03, "basic": 0.0, "double": 0.02}[sample[_AUGMENT]]
    decay = {0.0: 0.006, 0.01: 0.0, 0.1: 0.004}[sample[_DECAY]]
    warmup = 0.02 * (sample[_WARMUP] / 1000 - 0.4) ** 2
    return 1 + augment + decay + warmup + 0.3 * max(sample[_DROPOUT] - 0.05, 0) + 0.04 * sample[_FROZEN]


def _warmup_and_dropout(sample: Mapping[str, Any]) -> float:
    """The same: higher rates want a longer warm-up, and dropout its own augmentation."""
    warmup = sample[_WARMUP] / 1000 - 0.5 - 0.25 * math.log(sample[RATE] / 1e-5)
    dropout = sample[_DROPOUT] - (0.0 if sample[_AUGMENT] == "double" else 0.15)
    return 1 + 0.25 * max(abs(warmup) - 0.05, 0) ** 2 + 3.0 * dropout**2 + 0.03 * sample[_FROZEN]
