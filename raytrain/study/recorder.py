"""What Tune tells of its trials in; rows to the trackers and the journal, and one line in the ledger a trial, out."""

import errno
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.integration.ray_train import CHECKPOINT_PATH_KEY
from ray.tune.result import AUTO_RESULT_KEYS

from raytrain.config.baseline import Baseline
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.transcripts import transcripts_path
from raytrain.search.equivalents import inherit
from raytrain.study.journal import Journal
from raytrain.study.watcher import RunningTrial, Watcher
from raytrain.tracking.background import LaterRun
from raytrain.tracking.content import trial_row, trial_summary
from raytrain.trial.cluster import require_ray
from raytrain.trial.storage import latest_checkpoint

_LOOKS_FOR_RAY_EVERY_S = 5.0
_FULL = os.strerror(errno.ENOSPC)
_TUNES_OWN = {*AUTO_RESULT_KEYS, "trial_id", "done", "experiment_tag", "should_checkpoint", CHECKPOINT_PATH_KEY}


@dataclass
class Running:
    """A trial between its start and its record."""

    trial_id: str
    """Ours, which a restart does not change; Tune's own does not live as long."""
    number: int
    sample: dict[str, Any]
    config: dict[str, Any]
    gpu_fraction: float | None
    gpu_memory_gib: float | None
    predicted_memory_gib: float | None
    tracked: LaterRun
    row: dict[str, Any] = field(default_factory=dict)
    """The last one told."""
    finalist_of: str | None = None
    inherits: str | None = None
    """The trial that trained the same; this one is only probed."""
    checkpoint: Path | None = None
    started_at: str = field(default_factory=lambda: _now())
    started_s: float = field(default_factory=time.monotonic)


class Recorder(Callback):
    """Lives in the driver. A trial's record is written before the sampler is asked again."""

    def __init__(
        self,
        folder: Path,
        *,
        ledger: Ledger,
        journal: Journal,
        memory_limit_gib: float | None,
        open_tracked: Callable[[int, dict[str, Any]], LaterRun],
        on_end: Callable[[TrialRecord], None],
        watcher: Watcher,
        asked_to_stop: threading.Event,
    ) -> None:
        self._folder, self._ledger, self._journal = folder, ledger, journal
        self._memory_limit_gib = memory_limit_gib
        self._open_tracked, self._on_end, self._asked_to_stop = open_tracked, on_end, asked_to_stop
        self._watcher = watcher
        self._ray_seen_s = time.monotonic()
        self._running: dict[str, Running] = {}
        self._ended: list[tuple[Running, str | None]] = []

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes all it is given into a file of its own, which nobody reads."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        if trial.trial_id in self._running:  # Tune starts a trial again whose driver died
            return
        number, job = trial.config["number"], trial.config["job"]
        config = trial.config.get("config", job["config"])  # a probe runs less than what it stands for
        self._running[trial.trial_id] = Running(
            trial_id=job["name"],
            number=number,
            sample=trial.config["sample"],
            config=config,
            gpu_fraction=job["share"]["gpu_fraction"] if job["share"]["use_gpu"] else None,
            gpu_memory_gib=job["share"]["gpu_memory_gib"],
            predicted_memory_gib=job["predicted_memory_gib"],
            tracked=self._open_tracked(number, config),
            finalist_of=trial.config.get("finalist_of"),
            inherits=trial.config.get("inherits"),
        )
        self._watcher.starts(
            RunningTrial(
                number=number,
                config=config,
                run=self._folder / "ray" / job["name"],
                examples_total=job["end_at_examples"],
                inherits=trial.config.get("inherits"),
                finalist_of=trial.config.get("finalist_of"),
            )
        )

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        running = self._running[trial.trial_id]
        row = {key: value for key, value in result.items() if key not in _TUNES_OWN}
        if running.inherits is not None:
            row = {key: value for key, value in row.items() if key in _FROM_PROBE}
        running.row |= row
        if result.get(CHECKPOINT_PATH_KEY):
            running.checkpoint = Path(result[CHECKPOINT_PATH_KEY])
        if row.get("eval_wer") is None:
            return
        running.tracked.log(trial_row(row, predicted_memory_gib=running.predicted_memory_gib))
        if row["examples_seen"]:
            self._journal.report(running.number, examples_seen=row["examples_seen"], objective=row["objective"])
        self._watcher.scored(running.number, row)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._ended.append((self._running.pop(trial.trial_id), None))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        lines = str(trial.get_error() or "the trial's driver died").strip().splitlines()
        self._ended.append((self._running.pop(trial.trial_id), lines[-1]))

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Here, and not as trials complete: an error of ours, a full disk say, ends the study and not the trial."""
        while self._ended:
            self._record(*self._ended.pop(0))
        if time.monotonic() - self._ray_seen_s > _LOOKS_FOR_RAY_EVERY_S:
            require_ray()
            self._ray_seen_s = time.monotonic()
        if self._asked_to_stop.is_set():  # and Tune was not yet listening when it was asked
            os.kill(os.getpid(), signal.SIGUSR1)

    def refuse(self, trial: dict[str, Any], *, reason: str) -> None:
        """A trial that is never launched ends as one."""
        job, now = trial["job"], _now()
        config = trial.get("config", job["config"])
        record = TrialRecord(
            trial_id=job["name"],
            number=trial["number"],
            sample=trial["sample"],
            config=config,
            effective_batch_size=Baseline.model_validate(config).effective_batch_size(),
            outcome=Outcome.NOT_STARTED,
            reason=reason,
            predicted_memory_gib=job["predicted_memory_gib"],
            seed=config["training"]["seed"],
            finalist_of=trial.get("finalist_of"),
            started_at=now,
            ended_at=now,
            wall_s=0.0,
        )
        self._end(record)

    def close(self) -> None:
        """Leave what still runs as runs that will be resumed."""
        for running in self._running.values():
            running.tracked.finish("interrupted", {})
        self._running.clear()

    def _record(self, running: Running, error: str | None) -> None:
        if running.row.get("finished") and running.checkpoint is None:
            # Killed after its last checkpoint and before its record: the run had nothing left to keep this time.
            running.checkpoint = latest_checkpoint(self._folder / "ray" / running.trial_id)
        record = self._as_record(running, error)
        if _FULL in (record.reason or ""):
            # Every trial to come would fail by it. This one gets no record, so that it goes on once there is room.
            raise OSError(errno.ENOSPC, _FULL, str(self._folder))
        if running.inherits is not None:
            record = self._inherited(record, running.inherits)
        elif running.checkpoint is not None and (running.checkpoint / "utterances.jsonl").is_file():
            self._keep_utterances(running.checkpoint / "utterances.jsonl", record)
        self._end(record)
        running.tracked.finish(str(record.outcome), trial_summary(record, last_row=running.row))

    def _end(self, record: TrialRecord) -> None:
        # The ledger first: what it holds and the journal does not, the journal is told when the study goes on.
        self._ledger.append(record)
        self._journal.end(record, memory_limit_gib=self._memory_limit_gib)
        self._on_end(record)

    def _inherited(self, probed: TrialRecord, trial_id: str) -> TrialRecord:
        trained = next(record for record in self._ledger.read() if record.trial_id == trial_id)
        record = inherit(probed, trained)
        if record.inherited_from is not None:
            self._keep_utterances(transcripts_path(self._folder, trained.number), record)
        return record

    def _keep_utterances(self, scored: Path, record: TrialRecord) -> None:
        target = transcripts_path(self._folder, record.number)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(scored, target)

    def _as_record(self, running: Running, error: str | None) -> TrialRecord:
        row, checkpoint = running.row, running.checkpoint
        outcome, reason = _ending(row, error)
        return TrialRecord(
            trial_id=running.trial_id,
            number=running.number,
            sample=running.sample,
            config=running.config,
            effective_batch_size=Baseline.model_validate(running.config).effective_batch_size(),
            outcome=outcome,
            reason=reason,
            **{key: row[key] for key in _FROM_ROW if key in row},
            predicted_memory_gib=running.predicted_memory_gib,
            gpu_fraction=running.gpu_fraction,
            gpu_memory_gib=running.gpu_memory_gib,
            steps=row.get("step", 0),
            seed=running.config["training"]["seed"],
            started_at=running.started_at,
            ended_at=_now(),
            wall_s=round(time.monotonic() - running.started_s, 2),
            finalist_of=running.finalist_of,
            checkpoint=str(checkpoint.relative_to(self._folder)) if checkpoint and _is_kept(running, outcome) else None,
        )


def _is_kept(running: Running, outcome: Outcome) -> bool:
    """Weights that serve: of a trial trained to its end, and not of its repeats. See the study's _tidy."""
    return outcome is Outcome.COMPLETED and running.finalist_of is None


_FROM_PROBE = {
    "finished", "outcome", "reason", "train_examples_per_s", "peak_memory_reserved_gib", "peak_memory_allocated_gib",
    "peak_memory_resident_gib", "peak_memory_by_phase", "allocator_retries", "precision_used", "node",
}  # fmt: skip
_FROM_ROW = (
    "eval_wer", "best_eval_wer", "wer_by_age_bucket", "word_errors", "peak_memory_reserved_gib",
    "peak_memory_allocated_gib", "peak_memory_resident_gib", "peak_memory_by_phase", "allocator_retries",
    "train_examples_per_s", "examples_seen", "precision_used", "node", "history",
)  # fmt: skip


def _ending(row: dict[str, Any], error: str | None) -> tuple[Outcome, str | None]:
    if error is not None:
        return Outcome.FAILED, error
    if row.get("finished"):
        return Outcome(row["outcome"]), row.get("reason")
    if not row:
        return Outcome.FAILED, "the trial ended without a report"
    return Outcome.PRUNED, None  # Tune says `done` of every end; only our own flag tells a run's last row


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
