"""What the recorder makes of Tune's words on a trial, told by a real Tune trial that nothing runs."""

import errno
import threading
from pathlib import Path
from typing import Any

import pytest
from asked_trials import asked
from ended_trials import record
from histories import description
from ray.tune.experiment import Trial

from raytrain.config.reader import load_baseline
from raytrain.errors import ClusterLost
from raytrain.results.records import Outcome
from raytrain.results.transcripts import transcripts_path
from raytrain.study import recorder as recording
from raytrain.study.meanwhile import Meanwhile
from raytrain.study.recorder import Recorder
from raytrain.study.study import Study
from raytrain.study.watcher import Watcher
from raytrain.tracking.background import Background, LaterRun
from raytrain.tracking.tracked_run import TrackedRun
from raytrain.trial.driver import errno_of, one_line
from raytrain.trial.remote_runs import NOT_KEPT
from raytrain.trial.stop_request import StopRequest

TINY = load_baseline("tiny")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study with a trial 0 that has begun; nothing here looks at its inputs."""
    found = Study(folder=tmp_path, description=description(), inputs=None)  # type: ignore[arg-type]
    found.history.start(found.history.axes.baseline_sample)
    return found


@pytest.fixture
def freed() -> threading.Event:
    return threading.Event()


@pytest.fixture
def recorder(study: Study, freed: threading.Event) -> Recorder:
    background = Background()
    return Recorder(
        study,
        open_tracked=lambda trial: LaterRun(
            lambda: TrackedRun([], position=study.folder / "none"), background=background
        ),
        on_end=lambda record: None,
        watcher=Watcher(),
        stop=StopRequest(study.runs, threading.Event()),
        free=freed.set,
    )


def started(recorder: Recorder, number: int, **stands_for: Any) -> Trial:
    trial = Trial("drive_trial", stub=True, config={"trial": asked(number, TINY, **stands_for)})
    recorder.on_trial_start(0, [trial], trial)
    return trial


def failed(recorder: Recorder, **row: Any) -> None:
    """Trial 0 starts, fails with this row, and Tune's step comes to its end."""
    trial = started(recorder, 0)
    recorder.on_trial_result(0, [trial], trial, {"finished": True, "outcome": "failed", "objective": 10.0, **row})
    recorder.on_trial_complete(0, [trial], trial)
    recorder.on_step_end(0, [trial])


def test_a_trial_that_failed_has_its_line_with_the_reason(recorder: Recorder, study: Study) -> None:
    failed(recorder, reason="ValueError: of our own")
    (line,) = study.history.records
    assert (line.outcome, line.reason) == (Outcome.FAILED, "ValueError: of our own")


def test_a_full_disk_ends_the_study_and_leaves_the_trial_to_be_gone_on_with(recorder: Recorder, study: Study) -> None:
    with pytest.raises(OSError, match="No space left on device") as caught:
        failed(recorder, reason="in whatever language", errno=errno.ENOSPC)
    assert caught.value.errno == errno.ENOSPC
    assert study.history.records == []
    assert [one.number for one in study.history.unfinished()] == [0]


def test_a_checkpoint_that_s3_does_not_take_ends_the_study_in_its_words(recorder: Recorder, study: Study) -> None:
    fault = OSError(NOT_KEPT, "s3://runs/study: no room")
    with pytest.raises(ClusterLost, match=r"^s3://runs/study: no room$"):
        failed(recorder, reason=one_line(fault), errno=errno_of(fault))
    assert study.history.records == []


def test_a_disk_that_is_full_for_the_trial_s_driver_ends_the_study_as_well(
    recorder: Recorder, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = started(recorder, 0)
    said = "Traceback (most recent call last):\n  File ...\nOSError: [Errno 28] in whatever language\n"
    monkeypatch.setattr(trial, "get_error", lambda: said)
    recorder.on_trial_error(0, [trial], trial)
    with pytest.raises(OSError, match="No space left on device"):
        recorder.on_step_end(0, [trial])
    assert study.history.records == []


def test_a_disk_that_takes_no_evaluation_ends_the_study_by_that_very_fault(
    recorder: Recorder, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **named: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "events.jsonl")

    trial = started(recorder, 0)
    monkeypatch.setattr(study.history, "score", refuse)
    recorder.on_trial_result(0, [trial], trial, {"examples_seen": 8, "eval_wer": 0.5, "objective": 0.5})
    with pytest.raises(OSError, match=r"events\.jsonl"):
        recorder.on_step_end(0, [trial])


def test_the_summary_of_a_probe_has_no_figure_of_its_few_steps(recorder: Recorder, study: Study) -> None:
    sent: list[dict[str, Any]] = []
    study.history.end(record(0, TINY, eval_wer=0.3, steps=12))
    utterances = transcripts_path(study.folder, 0)
    utterances.parent.mkdir(parents=True)
    utterances.write_text("{}\n")
    study.history.start({"training.batch_size": 4})
    probe = started(recorder, 1, probes="trial-0000")
    recorder._running[probe.trial_id].tracked.finish = lambda outcome, summary: sent.append(dict(summary))  # type: ignore[method-assign]
    few = {"eval_wer": 0.9, "examples_seen": 8, "step": 1, "objective": 0.9, "train_examples_per_s": 70.0}
    recorder.on_trial_result(0, [probe], probe, {**few, "finished": True, "outcome": "completed"})
    recorder.on_trial_complete(0, [probe], probe)
    recorder.on_step_end(0, [])
    (summary,) = sent
    assert (summary["eval_wer"], summary["train_examples_per_s"]) == (0.3, 70.0)
    assert not summary.keys() & {"objective", "step", "steps_total", "epoch", "examples_seen", "train_loss"}


@pytest.mark.parametrize(("stands_for", "written"), [({}, {(1, 8): 0.5}), ({"probes": "trial-0000"}, {})])
def test_the_way_of_a_training_is_written_down_and_not_of_a_probe(
    recorder: Recorder, study: Study, stands_for: dict[str, str], written: dict[tuple[int, int], float]
) -> None:
    study.history.start({"training.batch_size": 4})
    trial = started(recorder, 1, **stands_for)
    recorder.on_trial_result(0, [trial], trial, {"examples_seen": 8, "eval_wer": 0.5, "objective": 0.5})
    assert study.history.objectives() == written


def test_of_a_probe_only_what_it_took_of_the_machine_is_kept(recorder: Recorder, study: Study) -> None:
    utterances = transcripts_path(study.folder, 0)
    utterances.parent.mkdir(parents=True)
    utterances.write_text("{}\n")
    baseline = started(recorder, 0)
    whole = {"eval_wer": 0.3, "examples_seen": 100, "step": 12, "objective": 0.3, "train_examples_per_s": 40.0}
    recorder.on_trial_result(0, [baseline], baseline, {**whole, "finished": True, "outcome": "completed"})
    recorder.on_trial_complete(0, [baseline], baseline)
    study.history.start({"training.batch_size": 4})
    probe = started(recorder, 1, probes="trial-0000")
    few = {"eval_wer": 0.9, "examples_seen": 8, "step": 1, "objective": 0.9, "train_examples_per_s": 70.0}
    recorder.on_trial_result(0, [probe], probe, {**few, "finished": True, "outcome": "completed"})
    recorder.on_trial_complete(0, [probe], probe)
    recorder.on_step_end(0, [])
    found = study.history.records[1]
    assert (found.eval_wer, found.examples_seen, found.steps, found.train_examples_per_s) == (0.3, 100, 12, 70.0)


def test_what_stopped_trials_hold_is_given_back_now_and_then(
    recorder: Recorder, freed: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.on_step_end(0, [])
    assert not freed.is_set()
    monkeypatch.setattr(recording, "_FREES_EVERY_S", 0.0)
    recorder.on_step_end(0, [])
    assert freed.is_set()


def test_what_shows_the_study_is_done_once_for_all_who_asked_meanwhile() -> None:
    begun, goes_on, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        goes_on.wait()
        done.append("once")

    shows = Meanwhile(work)
    shows.ask()
    begun.wait()
    for _ in range(10):
        shows.ask()
    begun.clear()
    goes_on.set()
    begun.wait()
    shows.close()
    assert done == ["once", "once"]


def test_what_was_saved_between_two_evaluations_leaves_the_last_one_s_row_and_is_what_is_kept(
    recorder: Recorder, study: Study
) -> None:
    trial = started(recorder, 0)
    recorder.on_trial_result(0, [trial], trial, {"eval_wer": 0.3, "objective": 0.3, "examples_seen": 8, "step": 1})
    saved = {"eval_wer": None, "examples_seen": 16, "step": 2, "checkpoint_path": "/there/step-000002-unscored"}
    recorder.on_trial_result(0, [trial], trial, saved)
    recorder.on_trial_result(0, [trial], trial, {"finished": True, "outcome": "diverged", "objective": 10.0})
    recorder.on_trial_complete(0, [trial], trial)
    recorder.on_step_end(0, [trial])
    (line,) = study.history.records
    assert (line.eval_wer, line.outcome) == (0.3, Outcome.DIVERGED)
    (begun,) = study.history.begun()
    assert begun.objectives == {8: 0.3}
