"""What is sent in the background arrives in order, and whoever sends it waits for nothing."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from reading import wandb_history, wandb_records

from raytrain.config.baseline import Tracking
from raytrain.tracking.background import Background, LaterRun
from raytrain.tracking.content import RunContent
from raytrain.tracking.tracked_run import TrackedRun, open_run


def opening(folder: Path, run_id: str, *, tensorboard: bool = False) -> Callable[[], TrackedRun]:
    content = RunContent(run_id=run_id, name=run_id, group="study", job_type="trial", tags=(), config={})
    return lambda: open_run(Tracking(wandb="offline", tensorboard=tensorboard), content, folder=folder)


def test_a_run_arrives_whole_and_a_row_is_as_it_was_when_it_was_logged(tmp_path: Path) -> None:
    background = Background()
    run = LaterRun(opening(tmp_path, "t1"), background=background)
    row = {"examples_seen": 0, "eval_wer": 0.5}
    run.log(row)
    row |= {"examples_seen": 160, "eval_wer": 0.25}
    run.log(row)
    run.finish("completed", row)
    assert background.wait(60)
    records = wandb_records(tmp_path)
    assert [(row["examples_seen"], row["eval_wer"]) for row in wandb_history(records)] == [(0, 0.5), (160, 0.25)]
    assert records["exit"][-1].get("exit_code", 0) == 0


def test_nobody_waits_while_a_tracker_is_slow() -> None:
    background, opened = Background(), threading.Event()
    order: list[int] = []
    background.do(lambda: order.append(0) if opened.wait(60) else None)
    background.do(lambda: order.append(1))
    background.do(lambda: order.append(2))
    assert not background.wait(0.05)
    assert order == []
    opened.set()
    assert background.wait(60)
    assert order == [0, 1, 2]


def test_a_run_that_does_not_open_is_said_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("raytrain"), "propagate", True)
    (tmp_path / "file").write_text("")
    background = Background()
    broken = LaterRun(opening(tmp_path / "file", "t1", tensorboard=True), background=background)
    broken.log({"examples_seen": 0, "eval_wer": 0.5})
    broken.finish("completed", {})
    run = LaterRun(opening(tmp_path, "t2"), background=background)
    run.log({"examples_seen": 0, "eval_wer": 0.5})
    run.finish("completed", {})
    assert background.wait(60)
    assert caplog.text.count("tracking: NotADirectoryError") == 1
    assert [row["examples_seen"] for row in wandb_history(wandb_records(tmp_path))] == [0]


def test_what_raises_is_said_once_and_the_next_is_done(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("raytrain"), "propagate", True)
    background, done = Background(), threading.Event()
    background.do(lambda: float("no number"))
    background.do(lambda: float("no number"))
    background.do(done.set)
    assert done.wait(60)
    assert caplog.text.count("tracking: ValueError") == 1


def test_a_tracker_that_hangs_is_left_to_itself_and_has_no_last_word(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("raytrain"), "propagate", True)
    background, opened = Background(), threading.Event()
    background.do(lambda: float("too late") if opened.wait(60) else None)
    background.close(hurried=True)
    opened.set()
    assert background.wait(60)
    assert caplog.text.count("still busy") == 1
    assert "too late" not in caplog.text


def test_rows_logged_in_the_background_are_on_disk_within_two_seconds_of_a_kill(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; import test_background as t\n"
        "run = t.LaterRun(t.opening(Path(sys.argv[1]), 't1'), background=(behind := t.Background()))\n"
        "behind.wait(60); run.log({'examples_seen': 0, 'eval_wer': 0.5}); time.sleep(2); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parent, timeout=60)
    assert [row["examples_seen"] for row in wandb_history(wandb_records(tmp_path))] == [0]
