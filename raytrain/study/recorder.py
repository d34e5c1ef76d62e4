"""What Tune says of its trials in; rows to the history and the trackers, and one line in the ledger a trial, out."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray.tune
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.integration.ray_train import CHECKPOINT_PATH_KEY

from raytrain.errors import ClusterLost
from raytrain.files import is_full, sync_tree, write_text
from raytrain.results.records import Outcome, Row, TrialRecord
from raytrain.results.transcripts import transcripts_path
from raytrain.search.equivalents import inherit
from raytrain.search.objectives import over
from raytrain.study.meanwhile import Meanwhile
from raytrain.study.projection import Projection
from raytrain.study.running import RunningTrial, record_of
from raytrain.study.study import Study
from raytrain.study.watcher import Watcher
from raytrain.tracking.background import LaterRun
from raytrain.tracking.content import trial_row, trial_summary
from raytrain.trial.driver import errno_in, words_of
from raytrain.trial.job import Trial
from raytrain.trial.mirror import LARGE, Mirror
from raytrain.trial.remote_runs import NOT_KEPT
from raytrain.trial.stop_request import RunsSavedError, StopRequest
from raytrain.trial.storage import latest_checkpoint

_FREES_EVERY_S = 1.0


class Recorder(ray.tune.Callback):
    """Lives in the driver. A trial's record is written before the sampler is asked again."""

    def __init__(
        self,
        study: Study,
        *,
        open_tracked: Callable[[Trial], LaterRun],
        on_end: Callable[[TrialRecord], None],
        watcher: Watcher,
        stop: StopRequest,
        free: Callable[[], object],
        mirror: Mirror | None = None,
    ) -> None:
        """`free` gives back what trials still hold that the scheduler has stopped, and raises where Ray has died; it is
        called now and then. The `mirror` of a storage on S3 brings here what of a trial's checkpoint is read."""
        self._study, self._history = study, study.history
        self._projection = Projection(study.history, study.folder)
        self._shows = Meanwhile(self._projection.follow)
        self._open_tracked, self._on_end, self._stop = open_tracked, on_end, stop
        self._watcher = watcher
        self._free, self._mirror = free, mirror
        self._freed_s = time.monotonic()
        self._running: dict[str, RunningTrial] = {}
        """By Tune's own id of a trial, which does not outlive this process."""
        self._ended: list[tuple[RunningTrial, str | None]] = []
        self._fault: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes all it is given into a file of its own, which nobody reads."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        """Open the trial's run, unless Tune starts a trial again whose driver died."""
        if trial.trial_id in self._running:
            return
        begun: Trial = trial.config["trial"]
        self._running[trial.trial_id] = RunningTrial(
            trial=begun,
            run=self._study.runs / begun.trial_id,
            tracked=self._open_tracked(begun),
            examples_total=begun.job.end_at_examples or 0,
        )
        self._shows.ask()
        self._watcher.starts(self._running[trial.trial_id])

    def on_trial_result(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, result: dict[str, Any], **info: Any
    ) -> None:
        """Take over a row. What prevents that is raised as the step ends: from here, Tune would wrap it as its own."""
        try:
            self._take_over(self._running[trial.trial_id], result)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised
            self._fault = self._fault or error

    def on_trial_complete(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        self._ended.append((self._running.pop(trial.trial_id), None))

    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        running = self._running.pop(trial.trial_id)
        last_line = str(trial.get_error() or "the trial's driver died").strip().splitlines()[-1]
        running.reports({"errno": errno_in(last_line)})
        self._ended.append((running, last_line))

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        """Here, and not as trials complete: an error of ours, a full disk say, ends the study and not the trial."""
        if self._fault is not None:
            raise self._fault
        while self._ended:
            self._record(*self._ended.pop(0))
        if self._stop.is_over(running.run for running in self._running.values()):
            raise RunsSavedError  # asked to stop by its own means, Tune would wait for the end of each trial's process
        # Asked to stop, too, Ray's processes may end, and nothing waits for them.
        if not self._stop.asked and time.monotonic() - self._freed_s > _FREES_EVERY_S:
            self._free()
            self._freed_s = time.monotonic()

    def refuse(self, trial: Trial, *, reason: str) -> None:
        """End a trial that is never launched."""
        self._end(record_of(trial, Outcome.NOT_STARTED, reason))

    def close(self) -> None:
        """Leave what still runs as runs that will be resumed."""
        for running in self._running.values():
            running.tracked.finish("interrupted", {})
        self._running.clear()
        self._shows.close()
        self._projection.close()

    def _take_over(self, running: RunningTrial, result: dict[str, Any]) -> None:
        """Of a row, what an evaluation has shown is written down; one that was saved between two has shown nothing."""
        if result.get(CHECKPOINT_PATH_KEY):
            running.checkpoint = running.run / Path(result[CHECKPOINT_PATH_KEY]).name
        if result.get("eval_wer") is not None or result.get("finished"):
            running.reports(result)
        row = running.row
        if result.get("eval_wer") is None or row.eval_wer is None:
            return
        running.examples_seen = row.examples_seen
        if not row.finished and self._history.was_scored(running.number, examples_seen=row.examples_seen):
            return  # a trial that goes on has said once more what it had come to
        running.tracked.log(trial_row(row, predicted_memory_gib=running.trial.job.predicted_memory_gib))
        if row.examples_seen:
            self._history.score(running.number, examples_seen=row.examples_seen, objective=row.objective)
            self._shows.ask()
        self._watcher.scored(running)

    def _record(self, running: RunningTrial, error: str | None) -> None:
        row, trial, folder = running.row, running.trial, self._study.folder
        if row.errno == NOT_KEPT:
            raise ClusterLost(words_of(row.reason or ""))  # as a full disk, below
        if row.errno is not None:
            fault = OSError(row.errno, os.strerror(row.errno), str(folder))
            if is_full(fault):
                # Every trial to come would fail by it. This one gets no record, so that it goes on once there is room.
                raise fault
        if running.checkpoint is None:
            # Killed after its last checkpoint and before its record: the run had nothing left to keep this time.
            running.checkpoint = self._latest(running)
        if self._mirror is not None and running.checkpoint is not None:
            self._mirror.bring(trial.trial_id, running.checkpoint.name, but=LARGE)
        record = running.ended(*_ending(row, error), study=folder)
        if trial.probes is not None:
            record = self._inherited(record, trial.probes)
        elif running.checkpoint is not None and (running.checkpoint / "utterances.jsonl").is_file():
            self._keep_utterances(running.checkpoint / "utterances.jsonl", record)
        record = replace(record, over=over(record, self._study.space.keep))
        if record.checkpoint is not None:  # the line in the ledger is on disk for good: what it names has to be, too
            sync_tree(folder / record.checkpoint, below=folder)
        self._end(record)
        running.tracked.finish(str(record.outcome), trial_summary(record, last_row=running.reported()))

    def _latest(self, running: RunningTrial) -> Path | None:
        if self._mirror is None:
            return latest_checkpoint(running.run)
        name = self._mirror.latest(running.run.name)
        return None if name is None else running.run / name

    def _end(self, record: TrialRecord) -> None:
        self._history.end(record)
        self._shows.ask()
        self._on_end(record)

    def _inherited(self, probed: TrialRecord, trial_id: str) -> TrialRecord:
        trained = next(record for record in self._history.records if record.trial_id == trial_id)
        record = inherit(probed, trained)
        if record.inherited_from is not None:
            self._keep_utterances(transcripts_path(self._study.folder, trained.number), record)
        return record

    def _keep_utterances(self, scored: Path, record: TrialRecord) -> None:
        write_text(transcripts_path(self._study.folder, record.number), scored.read_text(encoding="utf-8"))


def _ending(row: Row, error: str | None) -> tuple[Outcome, str | None]:
    if error is not None:
        return Outcome.FAILED, error
    if row.finished:
        return row.outcome or Outcome.FAILED, row.reason
    if row == Row():
        return Outcome.FAILED, "the trial ended without a report"
    return Outcome.PRUNED, None  # Tune says `done` of every end; only our own flag tells a run's last row
