"""What a run reports: steps and evaluations in; Rows out, each as the run stands."""

import math
from collections.abc import Mapping
from dataclasses import replace

from raytrain.config.languages import normaliser_of
from raytrain.files import finite
from raytrain.results.records import WORST_OBJECTIVE, Outcome, Row, without_no_sources
from raytrain.training.evaluation import Evaluated
from raytrain.training.loop import StepProgress
from raytrain.training.peaks import MemoryMeter

_HISTORY = (
    "step",
    "examples_seen",
    "train_loss",
    "learning_rate",
    "eval_wer",
    "eval_cer",
    "wer_by_age_bucket",
    "wer_by_source",
    "also",
    "train_examples_per_s",
    "peak_memory_reserved_gib",
    "peak_memory_allocated_gib",
    "peak_memory_resident_gib",
)


class Rows:
    """Keeps count between evaluations. `last` is the row as it stands; a resumed run's goes on, with its history."""

    def __init__(self, start: Row, *, memory: MemoryMeter, since_scored: Mapping[str, float] | None = None) -> None:
        """`since_scored` is that of a run which was stopped between two evaluations."""
        self.last = start
        self._memory = memory
        self._examples, self._seconds, self._waited_s = 0, 0.0, 0.0
        since = since_scored or {}
        self._loss_sum, self._tokens = since.get("loss_sum", 0.0), int(since.get("tokens", 0))

    def add(self, progress: StepProgress, *, examples_seen: int, epoch: float) -> None:
        """Count a step in."""
        self._examples += progress.examples
        self._seconds += progress.seconds
        self._waited_s += progress.waited_s
        if math.isfinite(progress.train_loss):  # in fp16 an overflowing step is skipped, and has no loss
            self._loss_sum += progress.train_loss * progress.tokens
            self._tokens += progress.tokens
        self.last = replace(
            self.last,
            step=progress.step,
            examples_seen=examples_seen,
            epoch=epoch,
            train_loss=self._loss_sum / self._tokens if self._tokens else None,
            learning_rate=progress.learning_rate,
            grad_norm=progress.grad_norm,
            train_examples_per_s=self._examples / self._seconds,
            data_wait_share=self._waited_s / self._seconds,
        )

    def scored(self, evaluated: Evaluated, *, seconds: float, also: Mapping[str, float] | None = None) -> None:
        """Enter an evaluation, with the error rates on further sets where these were scored, too. The training loss
        beside it is the mean over the tokens since the one before."""
        wer, best = evaluated.word_errors.wer, self.last.best_eval_wer
        row = replace(
            self.last,
            eval_wer=wer,
            best_eval_wer=wer if best is None else min(wer, best),
            wer_by_age_bucket={bucket: errors.wer for bucket, errors in evaluated.by_age_bucket.items()},
            wer_by_source={name: errors.wer for name, errors in evaluated.by_source.items()},
            also=dict(also or {}),
            word_errors=evaluated.word_errors.as_dict(),
            babbled_clips=evaluated.babbled,
            normaliser=normaliser_of(evaluated.text_language),
            eval_cer=evaluated.character_errors.wer,
            character_errors=evaluated.character_errors.as_dict(),
            eval_utterances=len(evaluated.utterances),
            eval_s=seconds,
            objective=min(wer, WORST_OBJECTIVE),
            finished=False,  # a run that was over may go on, to more epochs
            outcome=None,
            **self._memory.peaks(),
        )
        entry = finite(without_no_sources({key: getattr(row, key) for key in _HISTORY}))
        self._loss_sum, self._tokens = 0.0, 0
        self.last = replace(row, history=[*row.history, entry])

    def finished(self, outcome: Outcome, reason: str | None = None) -> None:
        """Make the last row. A run that broke off says how far it came, and its objective is the worst."""
        self.last = replace(self.last, finished=True, outcome=outcome, reason=reason)
        if outcome != Outcome.COMPLETED:
            self.last = replace(self.last, objective=WORST_OBJECTIVE, **self._memory.peaks())

    @property
    def is_scored(self) -> bool:
        """Whether these very weights were scored."""
        return bool(self.last.history) and self.last.history[-1]["step"] == self.last.step

    def since_scored(self) -> dict[str, float]:
        """What the next evaluation's row is made from besides the evaluation."""
        return {"loss_sum": self._loss_sum, "tokens": self._tokens}

    def evaluations_without_improvement(self, next_wer: float | None = None) -> int:
        """How many of the last evaluations in a row did not lower the best WER; with one that is not entered yet."""
        wers = [wer for entry in self.last.history if (wer := entry["eval_wer"]) is not None]
        wers += [next_wer] if next_wer is not None else []
        return len(wers) - 1 - wers.index(min(wers)) if wers else 0
