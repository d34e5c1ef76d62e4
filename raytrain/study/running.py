"""A trial that runs: what it is, what it reported last and how far its worker is in; its record, as it ends, out."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from raytrain.results.choose import peak_memory_gib
from raytrain.results.records import Learnt, Outcome, Row, Taken, TrialRecord, utc_now
from raytrain.tracking.background import LaterRun
from raytrain.tracking.tracked_run import TrackedRun
from raytrain.trial.job import Trial
from raytrain.trial.run_progress import STOPPED, RunProgress

NOT_AT_WORK = ("starting", "loading")
"""The phases before anything is trained or scored."""
_OF_A_PROBE = {one.name for one in fields(Taken)} | {"finished", "outcome", "reason", "errno"}


@dataclass(kw_only=True)
class RunningTrial:
    """A trial that has begun and not ended. Written by the study's thread; `is_at` by the view's."""

    trial: Trial
    run: Path
    """The run's folder, where its worker writes how far it is."""
    tracked: LaterRun | TrackedRun
    row: Row = field(default_factory=Row)
    """What it reported last."""
    checkpoint: Path | None = None
    """The last one it reported."""
    phase: str = "starting"
    examples_seen: int = 0
    examples_total: int
    """The most it may train on; the worker knows it to the step."""
    started_at: str = field(default_factory=utc_now)
    started_s: float = field(default_factory=time.monotonic)
    took_to_start_s: float | None = None
    """Until its worker trained or scored; None where that is not so yet."""
    took_to_train_s: float | None = None
    """Until it trained: where the weights are scored first as they come, that is over."""

    @property
    def number(self) -> int:
        return self.trial.number

    @property
    def peak_memory_gib(self) -> float | None:
        """The peak so far: what the card had to hold, or without one the process's largest resident set."""
        return peak_memory_gib(self.row)

    def reports(self, result: Mapping[str, Any]) -> None:
        """Take over a row. What a probe learns in its few steps is nobody's."""
        if self.trial.probes is not None:
            result = {name: value for name, value in result.items() if name in _OF_A_PROBE}
        self.row = self.row.updated(result)

    def reported(self) -> dict[str, Any]:
        """Its last row for trackers: of a probe only what it has measured, since the rest was never reported."""
        values = self.row.as_dict()
        return values if self.trial.probes is None else {name: values[name] for name in values if name in _OF_A_PROBE}

    def is_at(self, progress: RunProgress) -> None:
        """Take over what its worker says; never back behind what an evaluation reported."""
        was_before = progress.phase == STOPPED and self.took_to_start_s is None  # what the last start left behind
        self.phase = self.phase if was_before else progress.phase
        if self.took_to_start_s is None and self.phase not in NOT_AT_WORK:
            self.took_to_start_s = time.monotonic() - self.started_s
        if self.took_to_train_s is None and self.phase == "training":
            self.took_to_train_s = time.monotonic() - self.started_s
        self.examples_seen = max(self.examples_seen, progress.examples_seen)
        self.examples_total = progress.examples_total or self.examples_total

    def ended(self, outcome: Outcome, reason: str | None, *, study: Path) -> TrialRecord:
        """The trial's record."""
        share = self.trial.job.share
        # Weights that serve are those of a trial trained to its end, and not of its repeats.
        serves = outcome is Outcome.COMPLETED and self.trial.repeats is None
        return record_of(
            self.trial,
            outcome,
            reason,
            **{one.name: getattr(self.row, one.name) for part in (Learnt, Taken) for one in fields(part)},
            gpu_fraction=share.gpu_fraction if share.use_gpu else None,
            gpu_share_gib=share.gpu_share_gib,
            steps=self.row.step,
            started_at=self.started_at,
            wall_s=round(time.monotonic() - self.started_s, 2),
            checkpoint=str(self.checkpoint.relative_to(study)) if serves and self.checkpoint else None,
        )


def record_of(trial: Trial, outcome: Outcome, reason: str | None, **measured: Any) -> TrialRecord:
    """The record of a trial that ends now; without anything measured, of one that was never launched."""
    ended_at = utc_now()
    return TrialRecord(
        trial_id=trial.trial_id,
        number=trial.number,
        sample=trial.sample,
        config=trial.config,
        effective_batch_size=trial.config.effective_batch_size(),
        outcome=outcome,
        reason=reason,
        predicted_memory_gib=trial.job.predicted_memory_gib,
        seed=trial.config.training.seed,
        ended_at=ended_at,
        finalist_of=trial.repeats,
        **{"started_at": ended_at, "wall_s": 0.0, **measured},
    )
