"""What a run reports: flat rows that are JSON as they stand, with null where there is no number, never NaN."""

import math
from typing import Any

from raytrain.files import finite
from raytrain.results.records import WORST_OBJECTIVE, Outcome
from raytrain.training.evaluation import Evaluated
from raytrain.training.loop import StepProgress
from raytrain.training.peaks import MemoryMeter

_HISTORY = (
    "step",
    "examples_seen",
    "train_loss",
    "learning_rate",
    "eval_wer",
    "wer_by_age_bucket",
    "train_examples_per_s",
    "peak_memory_reserved_gib",
    "peak_memory_allocated_gib",
    "peak_memory_resident_gib",
)


class Rows:
    """Keeps count between evaluations. `last` is the row as it stands, a new one at each change, since rows are given
    away; a resumed run's goes on, with its history."""

    def __init__(self, *, constants: dict[str, Any], memory: MemoryMeter, last: dict[str, Any] | None = None) -> None:
        self.last = _NOTHING_YET | (last or {}) | constants
        self._memory = memory
        self._examples, self._seconds = 0, 0.0
        self._loss_sum, self._tokens = 0.0, 0

    def add(self, progress: StepProgress, *, examples_seen: int, epoch: float) -> None:
        """Counts a step in."""
        self._examples += progress.examples
        self._seconds += progress.seconds
        if math.isfinite(progress.train_loss):  # in fp16 an overflowing step is skipped, and has no loss
            self._loss_sum += progress.train_loss * progress.tokens
            self._tokens += progress.tokens
        self.last = self.last | {
            "step": progress.step,
            "examples_seen": examples_seen,
            "epoch": epoch,
            "train_loss": self._loss_sum / self._tokens if self._tokens else None,
            "learning_rate": progress.learning_rate,
            "grad_norm": progress.grad_norm,
            "train_examples_per_s": self._examples / self._seconds,
        }

    def scored(self, evaluated: Evaluated, *, seconds: float) -> None:
        """Enters an evaluation. The training loss beside it is the mean over the tokens since the one before."""
        wer = evaluated.word_errors.wer
        best = self.last["best_eval_wer"]
        row = self.last | {
            "eval_wer": wer,
            "best_eval_wer": wer if best is None else min(wer, best),
            "wer_by_age_bucket": {bucket: errors.wer for bucket, errors in evaluated.by_age_bucket.items()},
            "word_errors": evaluated.word_errors.as_dict(),
            "eval_utterances": len(evaluated.utterances),
            "eval_s": seconds,
            "objective": min(wer, WORST_OBJECTIVE),
            "finished": False,  # a run that was over may go on, to more epochs
            "outcome": None,
            **self._memory.peaks(),
        }
        row["history"] = [*row["history"], {key: row[key] for key in _HISTORY}]
        self._loss_sum, self._tokens = 0.0, 0
        self.last = finite(row)

    def finished(self, outcome: Outcome, reason: str | None = None) -> None:
        """The last row. A run that broke off tells how far it came, and its objective is the worst."""
        ending: dict[str, Any] = {"finished": True, "outcome": str(outcome), "reason": reason}
        if outcome != Outcome.COMPLETED:
            ending |= {"objective": WORST_OBJECTIVE, **self._memory.peaks()}
        self.last = finite(self.last | ending)

    def evaluations_without_improvement(self) -> int:
        """How many of the last evaluations in a row did not lower the best WER."""
        wers = [entry["eval_wer"] for entry in self.last["history"]]
        return len(wers) - 1 - wers.index(min(wers)) if wers else 0


_NOTHING_YET: dict[str, Any] = {
    "step": 0,
    "examples_seen": 0,
    "epoch": 0.0,
    "train_loss": None,
    "learning_rate": None,
    "grad_norm": None,
    "train_examples_per_s": None,
    "eval_wer": None,
    "best_eval_wer": None,
    "wer_by_age_bucket": {},
    "word_errors": None,
    "eval_utterances": None,
    "eval_s": None,
    "objective": WORST_OBJECTIVE,
    "finished": False,
    "outcome": None,
    "reason": None,
    "history": [],
    "peak_memory_reserved_gib": None,
    "peak_memory_allocated_gib": None,
    "peak_memory_resident_gib": None,
    "peak_memory_by_phase": {},
    "allocator_retries": None,
}
