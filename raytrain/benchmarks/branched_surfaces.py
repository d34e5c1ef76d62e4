"""Surfaces with two branches: a sample that trains all weights, or an adapter, in; the WER that lies beneath out.

Each branch has a basin of its own, and in an adapter's its rank and its targets matter, too. Which of the two is the
better one is what is asked. All of their WERs are invented, and were set before the sampler was tried on them.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from raytrain.benchmarks.surfaces import (
    ACCUMULATION,
    BATCH,
    RATE,
    RATES,
    Basin,
    Law,
    Surface,
    log_range,
    rehearsed_space,
)
from raytrain.config.branches import ADAPTER, ADAPTER_KIND, Branch
from raytrain.config.reader import apply_sample, load_baseline

BRANCH_RIVALS = ("ours", "tpe", "stock_optuna", "random")
_RANK, _TARGETS = f"{ADAPTER}.rank", f"{ADAPTER}.targets"


@dataclass(frozen=True, kw_only=True)
class BranchedSurface(Surface):
    """A surface whose `law` is that of full fine-tuning."""

    adapter_law: Law
    best_rank: int

    def predicted_gib(self, sample: Mapping[str, Any]) -> float:
        """The predicted peak, by batch size, accumulation and adapter."""
        adapter = {key: value for key, value in sample.items() if key.startswith(ADAPTER)}
        key = (sample[BATCH], sample[ACCUMULATION] > 1, *sorted(adapter.items()))
        if key not in self._predicted:
            known = {BATCH: sample[BATCH], ACCUMULATION: sample[ACCUMULATION], **adapter}
            self._predicted[key] = self.predicted_of(apply_sample(self.baseline, known))
        return self._predicted[key]

    def lowest_wer(self, factor: float) -> float:
        """The lowest WER without noise of all samples whose peak, this times what is predicted, is within the wall."""
        return min(self._lowest_in(branch, factor) for branch in self.axes.branches)

    def true_wer(self, sample: Mapping[str, Any]) -> float:
        """The WER that a training of this sample would have without noise; infinite where it diverges."""
        law = self._law(self.axes.branch(sample))
        return float(law.wer(self.axes.effective_batch_size(sample), sample[RATE])) * self._rest_costs(sample)

    def _law(self, branch: Branch) -> Law:
        return self.law if branch == "full" else self.adapter_law

    def _lowest_in(self, branch: Branch, factor: float) -> float:
        kind = {ADAPTER_KIND: None if branch == "full" else "lora"}
        rates = np.geomspace(self.rates(branch).low, self.rates(branch).high, RATES)
        lowest = math.inf
        for values in itertools.product(*(axis.values for axis in self.rest(branch))):
            rest = kind | {axis.key: value for axis, value in zip(self.rest(branch), values, strict=True)}
            fitting = [
                self.axes.effective_batch_size(split)
                for split in self.axes.splits()
                if self.predicted_gib({**split, **rest}) * factor <= self.wall_gib
            ]
            if fitting:
                wers = self._law(branch).wer(np.unique(fitting)[:, None], rates[None, :])
                lowest = min(lowest, float(np.min(wers)) * self._rest_costs(rest))
        return lowest

    def _rest_costs(self, sample: Mapping[str, Any]) -> float:
        """What an adapter's rank and targets multiply the WER by: four times the best rank or a fourth costs 4 %."""
        if _RANK not in sample:
            return 1.0
        octaves = math.log2(sample[_RANK] / self.best_rank)
        return 1 + 0.01 * octaves**2 + (0.015 if sample[_TARGETS] == "attention" else 0.0)


def branched_surfaces() -> list[BranchedSurface]:
    """Four surfaces: either branch the better one, from a baseline in either."""
    small = load_baseline("small")
    adapted = load_baseline("small", ["model.adapter={}", "training.learning_rate=1e-4"])
    space = rehearsed_space(
        {
            ADAPTER_KIND: {"values": [None, "lora"]},
            _RANK: {"values": [4, 8, 16, 32, 64]},
            _TARGETS: {"values": ["attention", "all"]},
            BATCH: {"values": [1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32]},
            ACCUMULATION: {"low": 1, "high": 36},
            RATE: {"full": log_range(2e-6, 1e-4), "adapter": log_range(1e-5, 1e-3)},
        }
    )
    return [
        BranchedSurface(
            name="adapter_is_better",
            about="24 GiB, full baseline; an adapter of rank 32 at a high rate beats full fine-tuning by 5 %",
            baseline=small, space=space, wall_gib=24, best_rank=32,
            law=Basin(best_effective_batch=32, best_rate=1.5e-5, lowest=0.0957),
            adapter_law=Basin(best_effective_batch=24, best_rate=2.5e-4),
        ),
        BranchedSurface(
            name="full_is_better",
            about="24 GiB, full baseline; full fine-tuning at twice the rate beats the best adapter by 6 %",
            baseline=small, space=space, wall_gib=24, best_rank=64,
            law=Basin(best_effective_batch=24, best_rate=2e-5),
            adapter_law=Basin(best_effective_batch=16, best_rate=8e-5, lowest=0.0966),
        ),
        BranchedSurface(
            name="full_is_better_than_the_baseline_s_adapter",
            about="24 GiB, a baseline with an adapter; full fine-tuning beats the best adapter by 6 %",
            baseline=adapted, space=space, wall_gib=24, best_rank=16,
            law=Basin(best_effective_batch=48, best_rate=2.5e-5),
            adapter_law=Basin(best_effective_batch=36, best_rate=1.5e-4, lowest=0.0966),
        ),
        BranchedSurface(
            name="adapter_is_better_and_noisy",
            about="12 GiB, full baseline, 2 % noise; an adapter of rank 8 at a low rate is better by 3 %",
            baseline=small, space=space, wall_gib=12, best_rank=8,
            law=Basin(best_effective_batch=20, best_rate=2e-5, lowest=0.0938, noise=0.02),
            adapter_law=Basin(best_effective_batch=12, best_rate=6e-5, noise=0.02),
        ),
    ]  # fmt: skip
