"""A whole study with nothing trained: the study's own proposals, recorder, files and end, with Ray's part played.

Each trial learns more than the one before, but for one. Its run leaves what Ray Train leaves: checkpoints, and a
snapshot that is written in place. One that starts again goes on from its last checkpoint where that is whole.
"""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import TrialScheduler

from raytrain import tune
from raytrain.cli import disk_faults_reported
from raytrain.results.records import TrialRecord
from raytrain.results.run_folder import new_run_folder
from raytrain.results.transcripts import transcripts_path
from raytrain.study import recorder as recording
from raytrain.study import run_study as running
from raytrain.study.opening import find_study
from raytrain.study.projection import Projection
from raytrain.study.proposals import Proposals, Repeats
from raytrain.study.scheduler import make_scheduler
from raytrain.study.spending import Spending
from raytrain.study.study import Study
from raytrain.study.watcher import Watcher
from raytrain.tracking.background import Background, LaterRun
from raytrain.tracking.content import trial_run
from raytrain.tracking.tracked_run import open_run
from raytrain.trial import cluster
from raytrain.trial.job import Share, Trial
from raytrain.trial.stop_request import StopRequest
from raytrain.trial.storage import SNAPSHOT, latest_checkpoint

SPACE = (
    "vary={training.batch_size: {values: [2, 4, 8]}, training.gradient_accumulation_steps: {values: [1, 2]}, "
    "training.learning_rate: {values: [1e-5, 2e-5]}}",
    "search.trials=7", "search.finalists=1", "search.seeds=2", "scheduler.first_rung_examples=8",
    "scheduler.reduction=2",
)  # fmt: skip
PRUNED, FAILED, REFUSED = 2, 3, 4
"""The trials that do not run to their end, by number: the first is worse than those before it, and ASHA stops it."""
_EVALUATED_AT = (8, 16, 24)
_SHARE = Share(use_gpu=False, gpu_fraction=1.0, cpus=1, threads=1)


@contextmanager
def unshown() -> Iterator[None]:
    """As long as the block runs, optuna.db is let be: it is never read back, and writing it is most of the time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Projection, "follow", lambda projection: None)
        yield


class _AtOnce:
    """Work that is done when it is asked for, in this thread."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.ask = work

    def close(self) -> None:
        """Nothing is left to be done."""


@contextmanager
def _played() -> Iterator[None]:
    """As long as the block runs, run_study plays Ray instead of starting it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cluster, "connected", _no_cluster)
        patched.setattr(running, "nursery", lambda **_: nullcontext())
        patched.setattr(recording, "Meanwhile", _AtOnce)  # what watches the disk looks at it between two changes
        patched.setattr(running, "_tune", _play)
        yield


def begin(study: Study, results: Path, *, on_end: Callable[[TrialRecord], None]) -> Study:
    """What raytrain.tune does with a study that is asked for, from its first word to its last; where it lies."""
    placed = replace(study, folder=new_run_folder(results, ["played"]))
    _to_its_end(placed, on_end=on_end)
    return placed


def go_on(study: Study, results: Path, *, on_end: Callable[[TrialRecord], None]) -> Study:
    """The same of one that was stopped: the folder's, or a new one where it had not yet written what was asked."""
    begun = [path.parent for path in sorted(results.glob("*/study.json"))]
    if not begun:
        return begin(study, results, on_end=on_end)
    folder, description = find_study(str(begun[0]))
    resumed = replace(study, folder=folder, description=description)
    _to_its_end(resumed, on_end=on_end)
    return resumed


def _to_its_end(study: Study, *, on_end: Callable[[TrialRecord], None]) -> None:
    with _played(), disk_faults_reported(study.folder, resume="--resume"):
        records, _ = running.run_study(study, on_end=on_end, watcher=Watcher())
        tune._finish(study.description, study.folder, records, as_json=False)


def told(records: list[TrialRecord]) -> list[dict[str, Any]]:
    """What is known of each trial but for its times."""
    times = {"started_at", "ended_at", "wall_s"}
    return [{name: value for name, value in one.as_dict().items() if name not in times} for one in records]


def broken_promises(study: Study) -> list[str]:
    """What a record names and the study does not have, whole."""
    found = []
    for record in study.history.records:
        if record.outcome in ("completed", "pruned"):
            scored = transcripts_path(study.folder, record.number)
            if not scored.is_file() or scored.read_text() != _utterances(record.config):
                found.append(f"trial {record.number} has no utterances")
        if record.checkpoint is not None and not _is_whole(study.folder / record.checkpoint):
            found.append(f"trial {record.number} has no weights")
    return found


@contextmanager
def _no_cluster(address: str | None = None, **_: Any) -> Iterator[None]:
    yield None


def _play(
    study: Study,
    hardware: None,
    proposals: Proposals | Repeats,
    *,
    asked_to_stop: threading.Event,
    on_end: Callable[[TrialRecord], None],
    watcher: Watcher,
    forks: None,
    spending: Spending,
    mirror: None,
    rehearse: None,
) -> None:
    """Tune, one trial after the other."""
    admission = running._admission(study, hardware, use_gpu=False)  # type: ignore[arg-type]
    tracking = Background()
    recorder = recording.Recorder(
        study,
        open_tracked=lambda trial: LaterRun(lambda: _tracked(study, trial), background=tracking),
        on_end=on_end,
        watcher=watcher,
        stop=StopRequest(study.runs, asked_to_stop),
        free=lambda: None,
    )
    scheduler = make_scheduler(proposals.scheduler, study.history.objectives())
    left = proposals.remaining
    try:
        while left and (trial := proposals.next(_SHARE, admission)) is not None:
            assert isinstance(trial, Trial)
            if trial.number == REFUSED:
                recorder.refuse(trial, reason="it does not fit")
                continue
            left -= 1
            _run(recorder, scheduler, study, trial)
    finally:
        recorder.close()
        tracking.wait(60)


def _tracked(study: Study, trial: Trial) -> Any:
    content = trial_run(
        study.folder.name, trial.trial_id, number=trial.number, config=trial.config, space_name="played"
    )
    return open_run(study.baseline.tracking, content, folder=study.folder)


def _run(recorder: recording.Recorder, scheduler: TrialScheduler, study: Study, trial: Trial) -> None:
    """One trial, and what Tune tells of it."""
    tune_trial = TuneTrial("drive_trial", stub=True, config={"trial": trial})
    scheduler.on_trial_add(None, tune_trial)
    recorder.on_trial_start(0, [tune_trial], tune_trial)
    run = study.runs / trial.trial_id
    for row in _rows(run, trial):
        said = scheduler.on_trial_result(None, tune_trial, row)
        recorder.on_trial_result(0, [tune_trial], tune_trial, row)
        recorder.on_step_end(0, [tune_trial])
        if said == TrialScheduler.STOP:
            break
    recorder.on_trial_complete(0, [tune_trial], tune_trial)
    recorder.on_step_end(0, [tune_trial])


def _rows(run: Path, trial: Trial) -> Iterator[dict[str, Any]]:
    latest = latest_checkpoint(run)
    done = int(latest.name.removeprefix("step-")) if latest is not None and _is_whole(latest) else 0
    if trial.number == FAILED:
        yield {"finished": True, "outcome": "failed", "reason": "ValueError: of our own", "objective": 10.0}
        return
    for seen in _EVALUATED_AT:
        row = _row(trial, seen)
        if seen > done:
            yield row | {"checkpoint_path": str(_kept(run, trial, seen))}
        elif done == seen:
            yield row  # perhaps nobody heard of it


def _row(trial: Trial, seen: int) -> dict[str, Any]:
    learnt = 0.5 - 0.02 * trial.number + (0.2 if trial.number == PRUNED else 0.0)
    wer = round(learnt + 0.8 / seen, 4)
    over = seen == _EVALUATED_AT[-1]
    ending = {"finished": True, "outcome": "completed"} if over else {}
    return {
        "step": seen, "examples_seen": seen, "eval_wer": wer, "objective": wer, "history": [], "finished": False,
        "word_errors": {"substitutions": 1, "deletions": 0, "insertions": 0, "hits": 3}, **ending,
    }  # fmt: skip


def _kept(run: Path, trial: Trial, seen: int) -> Path:
    """A checkpoint as Ray Train keeps it: the one before it goes once the snapshot names the new one."""
    run.mkdir(parents=True, exist_ok=True)
    checkpoint = run / f"step-{seen:06}"
    shutil.rmtree(checkpoint, ignore_errors=True)
    checkpoint.mkdir()
    (checkpoint / "model.safetensors").write_bytes(bytes(1000))
    (checkpoint / "training_state.pt").write_bytes(bytes(1000))
    (checkpoint / "utterances.jsonl").write_text(_utterances(trial.config))
    kept = {"checkpoint_dir_name": checkpoint.name, "metrics": {}}
    snapshot = {"checkpoint_results": [kept], "checkpoint_report_indices": [0], "latest_checkpoint_result": kept}
    (run / SNAPSHOT).write_text(json.dumps(snapshot))
    for other in run.iterdir():
        if other.is_dir() and other != checkpoint:
            shutil.rmtree(other)
    return checkpoint


def _is_whole(checkpoint: Path) -> bool:
    weights, scored = checkpoint / "model.safetensors", checkpoint / "utterances.jsonl"
    return weights.is_file() and weights.stat().st_size == 1000 and scored.is_file() and scored.read_text() != ""


def _utterances(config: Any) -> str:
    row = {
        "utterance_id": "u1", "child_id": "c1", "age_bucket": "5-7", "duration_s": 1.0, "reference": "see the dog run",
        "hypothesis": "see the dog ran", "substitutions": 1, "deletions": 0, "insertions": 0, "hits": 3,
    }  # fmt: skip
    return "".join(json.dumps({**row, "utterance_id": f"u{number}"}) + "\n" for number in range(4))
