"""What the recorder makes of Tune's words on a trial, told by a real Tune trial that nothing runs."""

import errno
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ray.tune.experiment import Trial

from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.search.axes import Axes
from raytrain.study.journal import Journal
from raytrain.study.recorder import Recorder
from raytrain.study.watcher import Watcher
from raytrain.tracking.background import Background, LaterRun
from raytrain.tracking.tracked_run import TrackedRun
from raytrain.trial.job import Share

TINY = load_baseline("tiny")
AXES = Axes(SearchSpace.model_validate({"vary": {"training.batch_size": {"values": [4, 8]}}}), TINY)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """With a trial 0 that has begun."""
    begun = Journal(tmp_path, AXES)
    begun.start(AXES.baseline_sample)
    return begun


@pytest.fixture
def recorder(tmp_path: Path, journal: Journal) -> Recorder:
    background = Background()
    return Recorder(
        tmp_path,
        ledger=Ledger(tmp_path),
        journal=journal,
        memory_limit_gib=None,
        open_tracked=lambda number, config: LaterRun(
            lambda: TrackedRun([], position=tmp_path / "none"), background=background
        ),
        on_end=lambda record: None,
        watcher=Watcher(),
        asked_to_stop=threading.Event(),
    )


def started(recorder: Recorder, number: int, **config: Any) -> Trial:
    share = asdict(Share(use_gpu=False, gpu_fraction=1.0, cpus=1, threads=1))
    job: dict[str, Any] = {"name": f"trial-{number:04}", "config": TINY.model_dump(), "share": share}
    job |= {"predicted_memory_gib": None, "end_at_examples": 100}
    trial = Trial("drive_trial", stub=True, config={"number": number, "sample": {}, "job": job, **config})
    recorder.on_trial_start(0, [trial], trial)
    return trial


def failed(recorder: Recorder, reason: str) -> None:
    """Trial 0 starts, fails for this reason, and Tune's step comes to its end."""
    trial = started(recorder, 0)
    row = {"finished": True, "outcome": "failed", "reason": reason, "objective": 10.0}
    recorder.on_trial_result(0, [trial], trial, row)
    recorder.on_trial_complete(0, [trial], trial)
    recorder.on_step_end(0, [trial])


def test_a_trial_that_failed_has_its_line_with_the_reason(recorder: Recorder, tmp_path: Path) -> None:
    failed(recorder, "ValueError: of our own")
    (line,) = Ledger(tmp_path).read()
    assert (line.outcome, line.reason) == (Outcome.FAILED, "ValueError: of our own")


def test_a_full_disk_ends_the_study_and_leaves_the_trial_to_be_gone_on_with(
    recorder: Recorder, journal: Journal, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="No space left on device") as caught:
        failed(recorder, "SafetensorError: I/O error: No space left on device (os error 28)")
    assert caught.value.errno == errno.ENOSPC
    assert Ledger(tmp_path).read() == []
    assert list(journal.unfinished()) == [0]


@pytest.mark.parametrize(("config", "told"), [({}, {8: 0.5}), ({"inherits": "trial-0000"}, {})])
def test_optuna_is_told_of_the_way_of_a_training_and_not_of_a_probe(
    recorder: Recorder, journal: Journal, config: dict[str, str], told: dict[int, float]
) -> None:
    journal.start({"training.batch_size": 4})
    probe = started(recorder, 1, **config)
    recorder.on_trial_result(0, [probe], probe, {"examples_seen": 8, "eval_wer": 0.5, "objective": 0.5})
    assert journal.reports().get(1, {}) == told
