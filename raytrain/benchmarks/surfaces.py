"""What a search is rehearsed on: a sample in; the WER, the peak and the time of a trial that nobody ran, out.

From facts: the memory (raytrain.memory.prediction), a clip's arithmetic (raytrain.memory.flops), the ends of the WER
for small (MyST, before and after fine-tuning, Kid-Whisper), and the recorded surface, which is real runs of tiny.en.
Invented: where each basin lies, its curvature, the noise, a card's speed, and the factor between prediction and peak.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from raytrain.config.baseline import Baseline
from raytrain.config.branches import ADAPTER_KIND, Branch
from raytrain.config.reader import apply_sample, load_baseline
from raytrain.config.space import SearchSpace
from raytrain.memory.flops import train_flops_per_clip
from raytrain.memory.prediction import UNKNOWN, Longest, predict, step_shape
from raytrain.search.axes import Axes, Continuous, Listed, Sample

BATCH, ACCUMULATION = "training.batch_size", "training.gradient_accumulation_steps"
RATE = "training.learning_rate"
RATES = 400
"""How many learning rates are tried to find the best of a surface."""
_FACTOR, _SCATTER = (0.90, 1.20), 0.02
_COLUMNS = ("effective_batch_size", "learning_rate", "eval_wer")
_MIDDLE_LOG_RATE = math.log(4e-5)
_LAUNCH_S, _FLOPS_PER_S, _START_S = 0.02, 35e12, 60.0
"""To launch a micro-step's kernels; what a card sustains; from a trial's start to its first step."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a trial reports. One that ran out of memory reports only that."""

    wer: float | None
    """None where the loss diverged or nothing was trained."""
    peak_gib: float | None
    out_of_memory: bool = False


@dataclass(frozen=True, kw_only=True)
class Basin:
    """A valley along the best rate for each effective batch, which grows with its square root, as Adam's does."""

    best_effective_batch: float
    best_rate: float
    """The learning rate that is best at the best effective batch."""
    lowest: float = 0.0911
    untrained: float = 0.1393
    noise: float = 0.01
    """Standard deviation of a trial's WER, as a share of it."""

    def wer(self, effective_batch_size: Any, learning_rate: Any) -> Any:
        """The WER that a training would have without noise; infinite where it diverges."""
        size = np.log(np.asarray(effective_batch_size) / self.best_effective_batch)
        rate = np.log(np.asarray(learning_rate) / self.best_rate) - size / 2
        # Half the best rate costs 10 %, and a small enough one learns nothing; twice the best costs 20 %, six times
        # diverges. Twice or half the best effective batch costs 5 %.
        most = self.untrained / self.lowest - 1
        too_low = most * (1 - np.exp(-0.2 * rate**2 / most))
        excess = np.where(rate < 0, too_low, 0.4 * rate**2) + 0.1 * size**2
        return np.where(rate > math.log(6), np.inf, self.lowest * (1 + excess))


class Law(Protocol):
    """What lies beneath: a WER without noise for each effective batch and rate."""

    @property
    def noise(self) -> float:
        """Standard deviation of a trial's WER, as a share of it."""

    def wer(self, effective_batch_size: Any, learning_rate: Any) -> Any:
        """The WER that a training would have without noise; infinite where it diverges."""


class Recorded:
    """Real trainings of tiny.en on the demo corpus.

    One run scored on so few words is known to an eighth. So what is searched is the smooth surface through them: the
    logarithm of the WER, quadratic in that of the rate, for each batch size.
    """

    def __init__(self) -> None:
        rows = json.loads((Path(__file__).parent / "recorded_tiny.json").read_text())["trials"]
        sizes, rates, wers = (np.array([row[key] for row in rows]) for key in _COLUMNS)
        terms = self._terms(sizes, rates)
        self._weights = np.linalg.lstsq(terms, np.log(wers), rcond=None)[0]
        self.noise = float(np.std(np.log(wers) - terms @ self._weights, ddof=terms.shape[1]))
        """Standard deviation of the recorded runs about the smooth surface, as a share of the WER."""

    def wer(self, effective_batch_size: Any, learning_rate: Any) -> Any:
        """The WER that a training would have without noise."""
        return np.exp(self._terms(effective_batch_size, learning_rate) @ self._weights)

    def _terms(self, effective_batch_size: Any, learning_rate: Any) -> Any:
        size, rate = np.broadcast_arrays(np.log(effective_batch_size), np.log(learning_rate) - _MIDDLE_LOG_RATE)
        return np.stack([np.ones_like(rate), rate, rate**2, size, size * rate, size * rate**2], axis=-1)


def nothing_else(sample: Mapping[str, Any]) -> float:
    """That no other key changes the WER."""
    return 1.0


@dataclass(frozen=True, kw_only=True)
class Surface:
    """One question: a baseline, a space, a card, and the WER that lies beneath."""

    name: str
    baseline: Baseline
    space: SearchSpace
    wall_gib: float
    law: Law
    about: str
    budget_examples: int = 20_000
    longest: Longest = UNKNOWN
    """The longest clip and transcript, where they are known."""
    others: Callable[[Mapping[str, Any]], float] = field(default=nothing_else)
    """What the values of all other keys multiply the WER by; 1 for the best of them, at every rate and batch."""
    _predicted: dict[Any, float] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def axes(self) -> Axes:
        return Axes(self.space, self.baseline)

    def rates(self, branch: Branch) -> Continuous:
        """The axis of the learning rate."""
        drawn = self.axes.others_in(branch)
        return next(axis for axis in drawn if isinstance(axis, Continuous) and axis.key == RATE)

    def rest(self, branch: Branch) -> list[Listed]:
        """The axes of all other keys, but for which branch it is."""
        drawn = self.axes.others_in(branch)
        return [axis for axis in drawn if isinstance(axis, Listed) and axis.key != ADAPTER_KIND]

    def accumulations(self) -> dict[int, list[int]]:
        """By batch size, in order, the accumulations that keep the window."""
        found: dict[Any, list[Any]] = {}
        for split in self.axes.splits():
            found.setdefault(split[BATCH], []).append(split[ACCUMULATION])
        return found

    def predicted_gib(self, sample: Mapping[str, Any]) -> float:
        """The predicted peak; of the keys that vary only batch size and accumulation bear on it."""
        key = (sample[BATCH], sample[ACCUMULATION] > 1)
        if key not in self._predicted:
            config = apply_sample(self.baseline, {BATCH: sample[BATCH], ACCUMULATION: sample[ACCUMULATION]})
            self._predicted[key] = self.predicted_of(config)
        return self._predicted[key]

    def predicted_of(self, config: Baseline) -> float:
        """The predicted peak of a run."""
        return predict(config, self.longest).predicted_memory_gib

    def lowest_wer(self, factor: float) -> float:
        """The lowest WER without noise of all samples whose peak, this times what is predicted, is within the wall."""
        sizes = {
            self.axes.effective_batch_size(split)
            for split in self.axes.splits()
            if self.predicted_gib(split) * factor <= self.wall_gib
        }
        (branch,) = self.axes.branches
        rate = self.rates(branch)
        baseline: Any = self.axes.baseline_sample[RATE]
        rates = np.append(np.geomspace(rate.low, rate.high, RATES), baseline)
        return float(np.min(self.law.wer(np.array(sorted(sizes))[:, None], rates[None, :])))

    def true_wer(self, sample: Mapping[str, Any]) -> float:
        """The WER that a training of this sample would have without noise; infinite where it diverges."""
        return float(self.law.wer(self.axes.effective_batch_size(sample), sample[RATE])) * self.others(sample)


class RehearsedCard:
    """One seed's hardware and luck on a surface: the hidden factor, and each trial's scatter and noise."""

    def __init__(self, surface: Surface, *, seed: int) -> None:
        self.surface, self._seed = surface, seed
        self.factor = float(np.random.default_rng([seed, 0]).uniform(*_FACTOR))

    def train(self, number: int, sample: Sample) -> Ended:
        """How the trial of this number ends; the same for whoever asks."""
        draws = np.random.default_rng([self._seed, 1, number])
        scatter, noise = draws.uniform(1 - _SCATTER, 1 + _SCATTER), draws.normal(1, self.surface.law.noise)
        peak = self.surface.predicted_gib(sample) * self.factor * scatter
        if peak > self.surface.wall_gib:
            return Ended(wer=None, peak_gib=None, out_of_memory=True)
        wer = self.surface.true_wer(sample)
        return Ended(wer=wer * noise if math.isfinite(wer) else None, peak_gib=peak)

    def hours(self, sample: Sample, ended: Ended) -> float:
        """Hours that a trial takes to its budget: small micro-batches wait for their kernels to be launched."""
        if ended.out_of_memory:
            return _START_S / 3600
        shape = step_shape(apply_sample(self.surface.baseline, {BATCH: sample[BATCH]}), self.surface.longest)
        flops = sample[BATCH] * train_flops_per_clip(shape)  # type: ignore[operator]
        micro_steps = self.surface.budget_examples / sample[BATCH]  # type: ignore[operator]
        return (_START_S + micro_steps * max(_LAUNCH_S, flops / _FLOPS_PER_S)) / 3600

    @cached_property
    def best_wer(self) -> float:
        """The lowest WER, without noise, of all samples whose peak without scatter is within the wall."""
        return self.surface.lowest_wer(self.factor)


def surfaces() -> list[Surface]:
    """The seven surfaces. What is invented of them was set before the sampler was tuned."""
    batches = [1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32]
    wide = {BATCH: {"values": batches}, ACCUMULATION: {"low": 1, "high": 36}, RATE: log_range(2e-6, 1e-4)}
    few = wide | {ACCUMULATION: {"low": 1, "high": 4}}
    tiny = wide | {ACCUMULATION: {"low": 1, "high": 8}, RATE: log_range(5e-6, 3.2e-4)}
    small, medium = load_baseline("small"), load_baseline("medium")
    keeps_activations = load_baseline("small", ["model.gradient_checkpointing=false"])
    return [
        Surface(
            name="small_8_gib",
            about="small, recomputing, on an 8 GiB card; smaller batches and a higher rate would be better",
            baseline=small, space=rehearsed_space(wide), wall_gib=8,
            law=Basin(best_effective_batch=20, best_rate=3e-5),
        ),
        Surface(
            name="small_24_gib_large_batches",
            about="small, keeping activations, on a 24 GiB card; larger batches would be better",
            baseline=keeps_activations, space=rehearsed_space(wide), wall_gib=24,
            law=Basin(best_effective_batch=64, best_rate=2.5e-5),
        ),
        Surface(
            name="small_12_gib_tight",
            about="small, keeping activations, 4 x 9 on a 12 GiB card; half of the batch sizes do not fit",
            baseline=apply_sample(keeps_activations, {BATCH: 4, ACCUMULATION: 9}),
            space=rehearsed_space(wide), wall_gib=12,
            law=Basin(best_effective_batch=48, best_rate=4e-5),
        ),
        Surface(
            name="medium_20_gib_best_at_the_wall",
            about="medium in 20 GiB, at most four accumulations; the best effective batches lie at the wall or beyond",
            baseline=medium, space=rehearsed_space(few), wall_gib=20,
            law=Basin(best_effective_batch=64, best_rate=2e-5, lowest=0.0861, untrained=0.1323),
        ),
        Surface(
            name="small_80_gib_no_wall",
            about="small on a card that holds everything: the sampler alone",
            baseline=small, space=rehearsed_space(wide), wall_gib=80,
            law=Basin(best_effective_batch=24, best_rate=5e-6),
        ),
        Surface(
            name="small_8_gib_baseline_is_best",
            about="small, recomputing, on an 8 GiB card; the baseline lies in the middle of the basin",
            baseline=small, space=rehearsed_space(wide), wall_gib=8,
            law=Basin(best_effective_batch=36, best_rate=1e-5),
        ),
        Surface(
            name="recorded_tiny_2_2_gib",
            about="tiny.en on the demo corpus as it was trained, with 2.2 GiB of a shared card",
            baseline=load_baseline("tiny"), space=rehearsed_space(tiny, low=8, high=32), wall_gib=2.2,
            law=Recorded(), budget_examples=302, longest=Longest(8.0, 40),
        ),
    ]  # fmt: skip


def rehearsed_space(vary: Mapping[str, Any], *, low: int = 8, high: int = 96) -> SearchSpace:
    """A space of these keys that keeps a window of effective batches."""
    return SearchSpace.model_validate(
        {"vary": vary, "keep": {"effective_batch_size": {"low": low, "high": high}}, "search": {"trials": 60}}
    )


def log_range(low: float, high: float) -> dict[str, Any]:
    """A range as a space gives it whose logarithm is drawn evenly."""
    return {"low": low, "high": high, "log": True}
