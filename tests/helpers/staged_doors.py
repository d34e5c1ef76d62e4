"""Doors in terminals of two sizes: recordings of a study, a stopped one, a fit and a refusal, out as text files.

    python tests/helpers/staged_doors.py FOLDER

The doors are whole; what they would start is played: Ray, the training and its results, and a clock that goes by hand.
"""

import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from making import utterances
from played_fits import _connected
from played_studies import _SHARE, _kept, _no_cluster, unshown
from ray.tune.experiment import Trial as TuneTrial
from terminals import Moments, Recording, recorded

from raytrain import fit, tune
from raytrain.config.reader import load_baseline
from raytrain.results import run_folder
from raytrain.results.records import HistoryRow, Outcome, Row
from raytrain.results.transcripts import counts
from raytrain.results.word_errors import WordErrors
from raytrain.study import run_study as running
from raytrain.study import running as running_trial
from raytrain.study.proposals import Proposals, Repeats
from raytrain.study.recorder import Recorder
from raytrain.study.study import Study
from raytrain.study.watcher import Machine, Watcher
from raytrain.tracking import published_study
from raytrain.tracking.tracked_run import TrackedRun
from raytrain.trial import cluster, watched_run
from raytrain.trial.job import Job, Trial
from raytrain.trial.run_progress import ProgressFile
from raytrain.trial.stop_request import StopRequest
from raytrain.trial.storage import SNAPSHOT
from raytrain.watch import beginning, live, study_progress
from raytrain.watch.study_progress import StudyProgress
from raytrain.whisper import weights

log = logging.getLogger("raytrain")
SIZES = ((100, 30), (80, 24))
_STUDY = (
    "--demo", "--baseline", "tiny", "--trials", "2", "training.batch_size=8", "training.precision=fp32",
    "tracking.wandb=offline", "budget.examples=96", "scheduler.first_rung_examples=48",
)  # fmt: skip
_FIT = ("--config", "tiny", "training.precision=fp32", "training.batch_size=8", "tracking.wandb=disabled")
_AS_PUBLISHED = 0.371
_WER = ((0.24, 0.19), (0.21, 0.15))
"""Of each trial at its rung and at its end, about."""
_EVALUATED_AT = (48, 96)


class Clock:
    """Time as the play has it go by."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


class Draws:
    """Counts how often the view is drawn."""

    def __init__(self, view: Callable[..., Any]) -> None:
        self._view, self._number = view, 0

    def view(self, *given: Any, **named: Any) -> Any:
        self._number += 1
        return self._view(*given, **named)

    def wait(self) -> None:
        """Until all that is so now has been drawn and written: the next view but one is begun after that."""
        wanted = self._number + 2
        while self._number < wanted:
            time.sleep(0.02)


@dataclass(frozen=True)
class Stage:
    """What a played study runs by."""

    moments: Moments
    clock: Clock
    draws: Draws
    interrupted: bool

    def here(self, name: str) -> None:
        """The terminal is looked at now."""
        self.draws.wait()
        self.moments.here(name)


def main(folder: Path) -> None:
    """Record all of it."""
    folder.mkdir(parents=True, exist_ok=True)
    weights.check(load_baseline("tiny", []).model)  # imported before the first fork, what each would take seconds over
    doors = {"study": _study, "interrupted": partial(_study, interrupted=True), "fit": _fit, "refusal": _refusal}
    for columns, rows in SIZES:
        for name, door in doors.items():
            (folder / f"{name}-{columns}x{rows}.txt").write_text(str(_recording(door, columns, rows)), encoding="utf-8")


def _recording(door: Callable[[Moments], None], columns: int, rows: int) -> Recording:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "moments").mkdir()
        (Path(folder) / "here").mkdir()
        os.chdir(Path(folder) / "here")  # what is written lies below, and reads so
        return recorded(door, columns=columns, rows=rows, folder=Path(folder) / "moments")


def _refusal(moments: Moments) -> None:
    sys.argv = ["raytrain.tune", "--baseline", "tiny", "training.lerning_rate=2e-5"]
    tune.main()


def _study(moments: Moments, *, interrupted: bool = False) -> None:
    sys.argv = ["raytrain.tune", *_STUDY]
    stage = Stage(moments, Clock(), Draws(live.view), interrupted)
    with pytest.MonkeyPatch.context() as patched:
        for module in (running_trial, live, study_progress):
            patched.setattr(module, "time", stage.clock)
        patched.setattr(live, "view", stage.draws.view)
        _on_this_day(patched)
        patched.setattr(published_study, "publish_study", lambda *_, **__: None)
        patched.setattr(cluster, "connected", _no_cluster)
        patched.setattr(running, "nursery", lambda **_: nullcontext())
        patched.setattr(running, "_tune", partial(_play, stage=stage))
        with unshown():
            tune.main()


def _fit(moments: Moments) -> None:
    sys.argv = ["raytrain.fit", *_FIT]
    with pytest.MonkeyPatch.context() as patched:
        _on_this_day(patched)
        patched.setattr(cluster, "connected", _connected)
        patched.setattr(watched_run, "run_watched", _trained)
        fit.main()


def _on_this_day(patched: pytest.MonkeyPatch) -> None:
    """A day, and room on the disk, that are always the same."""
    patched.setattr(run_folder, "date", SimpleNamespace(today=lambda: date(2026, 1, 1)))
    patched.setattr(beginning, "shutil", SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=40 * 2**30)))


def _trained(job: Job, *, on_row: Callable[[Row], None]) -> None:
    """What a worker says and reports."""
    history: list[HistoryRow] = []
    for step, wer in ((0, 0.371), (20, 0.21), (38, 0.15)):
        if step:
            log.info("step %d/38: loss %.3f, 5.5 clips/s, %.0f s of training left", step, 4 * wer, 1.4 * (38 - step))
        log.info("step %d/38: WER %.4f in 8.1 s", step, wer)
        history.append({"step": step, "examples_seen": 8 * step, "eval_wer": wer})
    run = Path(job.storage) / job.name
    (run / "step-000038").mkdir(parents=True)
    (run / "step-000038" / "utterances.jsonl").write_text("")
    kept = {"checkpoint_dir_name": "step-000038", "metrics": {}}
    snapshot = {"checkpoint_results": [kept], "checkpoint_report_indices": [0], "latest_checkpoint_result": kept}
    (run / SNAPSHOT).write_text(json.dumps(snapshot))
    on_row(
        Row(
            step=38, examples_seen=302, eval_wer=0.15, best_eval_wer=0.15, eval_cer=0.08, train_examples_per_s=5.5,
            precision_used="fp32", history=history, finished=True, outcome=Outcome.COMPLETED,
        )
    )  # fmt: skip


def _play(
    study: Study,
    hardware: None,
    proposals: Proposals | Repeats,
    *,
    asked_to_stop: threading.Event,
    on_end: Callable[..., None],
    watcher: Watcher,
    stage: Stage,
    **_: Any,
) -> None:
    """Two trials, one after the other."""
    assert isinstance(watcher, StudyProgress)
    watcher.began_s = stage.clock.now_s
    watcher.begins(Machine(cpus=2, card_gib=None, taken=lambda: (), stops=asked_to_stop.is_set))

    def ended(record: Any) -> None:
        watcher.ends(record)
        on_end(record)

    recorder = Recorder(
        study,
        open_tracked=lambda trial: TrackedRun([], position=study.folder / "none"),  # type: ignore[arg-type, return-value]
        on_end=ended,
        watcher=watcher,
        stop=StopRequest(study.runs, asked_to_stop),
        free=lambda: None,
    )
    try:
        for _trial in range(proposals.remaining):
            trial = proposals.next(_SHARE, running._admission(study, hardware, use_gpu=False))  # type: ignore[arg-type]
            if not isinstance(trial, Trial) or not _run(recorder, study, trial, stage):
                break
    finally:
        recorder.close()


def _run(recorder: Recorder, study: Study, trial: Trial, stage: Stage) -> bool:
    """One trial; whether it came to its end."""
    tune_trial, clock = TuneTrial("drive_trial", stub=True, config={"trial": trial}), stage.clock
    recorder.on_trial_start(0, [tune_trial], tune_trial)
    recorder._running[tune_trial.trial_id].started_s = clock.now_s
    run = study.runs / trial.trial_id
    run.mkdir(parents=True, exist_ok=True)
    worker = ProgressFile(run)
    clock.now_s += 12
    if trial.number and not stage.interrupted:
        stage.here("trial 1 starts")
    worker.tell("training", 0, 96)
    stage.draws.wait()
    clock.now_s += 6
    for place, seen in enumerate(_EVALUATED_AT):
        worker.tell("training", seen - 16, 96)
        if stage.interrupted and (trial.number, place) == (1, 1):
            os.kill(os.getpid(), signal.SIGINT)
            stage.here("somebody has pressed Ctrl-C")
            return False
        if place and not trial.number and not stage.interrupted:
            stage.here("trial 0 trains")
        worker.tell("scoring", seen, 96)
        clock.now_s += 9
        if place and trial.number and not stage.interrupted:
            stage.here("trial 1 is scored")
        recorder.on_trial_result(0, [tune_trial], tune_trial, _row(run, trial, place))
        recorder.on_step_end(0, [tune_trial])
        clock.now_s += 8
    recorder.on_trial_complete(0, [tune_trial], tune_trial)
    recorder.on_step_end(0, [tune_trial])
    return True


def _row(run: Path, trial: Trial, place: int) -> dict[str, Any]:
    seen = _EVALUATED_AT[place]
    checkpoint = _kept(run, trial, seen)
    with tempfile.TemporaryDirectory() as elsewhere:
        heard = utterances(Path(elsewhere), trial.number, wer=_WER[trial.number][place], children=7)
        shutil.copyfile(Path(elsewhere) / f"trials/{trial.number}/utterances.jsonl", checkpoint / "utterances.jsonl")
    errors = WordErrors.total(counts(one) for one in heard)
    return {
        "step": seen // trial.config.effective_batch_size(), "examples_seen": seen, "eval_wer": errors.wer,
        "objective": errors.wer, "word_errors": errors.as_dict(), "peak_memory_resident_gib": 1.7,
        "train_examples_per_s": 5.5 - trial.number, "precision_used": "fp32", "checkpoint_path": str(checkpoint),
        "history": [{"step": 0, "examples_seen": 0, "eval_wer": _AS_PUBLISHED}], "finished": place == 1,
        **({"outcome": "completed"} if place else {}),
    }  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
