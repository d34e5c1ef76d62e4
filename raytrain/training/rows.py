"""What a run reports: flat rows that are JSON as they stand, with null where there is no number, never NaN."""

from typing import Any

import torch

from raytrain.results.records import Outcome, finite
from raytrain.training.evaluation import Evaluated
from raytrain.training.loop import Progress
from raytrain.training.memory import peak_memory

WORST_OBJECTIVE = 10.0
"""What a sampler sees of a run without a WER, and the most it sees of a babbling one: NaN would never be pruned."""

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
    """Keeps count between evaluations. `last` is a resumed run's last row; its history goes on."""

    def __init__(self, *, constants: dict[str, Any], device: torch.device, last: dict[str, Any] | None = None) -> None:
        self.last = _NOTHING_YET | (last or {}) | constants
        self._device = device
        self._examples, self._seconds = 0, 0.0
        self._loss_sum, self._tokens = 0.0, 0
        self._progress: Progress | None = None

    def add(self, progress: Progress) -> None:
        self._progress = progress
        self._examples += progress.examples
        self._seconds += progress.seconds
        if finite(progress.train_loss) is not None:  # in fp16 an overflowing step is skipped, and has no loss
            self._loss_sum += progress.train_loss * progress.tokens
            self._tokens += progress.tokens

    def scored(
        self, evaluated: Evaluated, *, seconds: float, step: int, examples_seen: int, epoch: float
    ) -> dict[str, Any]:
        """The row of an evaluation, not yet finished; the training loss is the mean per token since the one before."""
        wer = evaluated.word_errors.wer
        best = self.last["best_eval_wer"]
        row = (
            self.last
            | self._measured()
            | {
                "step": step,
                "examples_seen": examples_seen,
                "epoch": epoch,
                "eval_wer": wer,
                "best_eval_wer": wer if best is None else min(wer, best),
                "wer_by_age_bucket": {bucket: errors.wer for bucket, errors in evaluated.by_age_bucket.items()},
                "word_errors": evaluated.word_errors.as_dict(),
                "eval_utterances": len(evaluated.utterances),
                "eval_s": seconds,
                "objective": min(wer, WORST_OBJECTIVE),
            }
        )
        row["history"] = [*row["history"], {key: row[key] for key in _HISTORY}]
        self._loss_sum, self._tokens = 0.0, 0
        self.last = finite(row)
        return self.last

    def finished(self, outcome: Outcome, reason: str | None = None) -> dict[str, Any]:
        """The last row. A run that broke off tells how far it came, and its objective is the worst."""
        ending = {"finished": True, "outcome": str(outcome), "reason": reason}
        if outcome != Outcome.COMPLETED:
            ending |= {"objective": WORST_OBJECTIVE} | self._measured()
        self.last = finite(self.last | ending)
        return self.last

    def evaluations_without_improvement(self) -> int:
        """How many of the last evaluations in a row did not lower the best WER."""
        wers = [entry["eval_wer"] for entry in self.last["history"]]
        return len(wers) - 1 - wers.index(min(wers)) if wers else 0

    def _measured(self) -> dict[str, Any]:
        return {
            "train_loss": self._loss_sum / self._tokens if self._tokens else None,
            "learning_rate": self._progress.learning_rate if self._progress else None,
            "grad_norm": self._progress.grad_norm if self._progress else None,
            "train_examples_per_s": self._examples / self._seconds if self._seconds else None,
            **peak_memory(self._device),
        }


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
}
