"""Whatever a tracker or its server does, the run that it looks at goes on, waits a bounded time, and keeps its rows."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from reading import tensorboard_events, wandb_history, wandb_records
from test_published_study import BASELINE, SPACE, trial
from test_tracked_run import CONTENT, FIRST, SECOND
from wandb_client import environment, rows, track
from wandb_server.server import Fault, WandbServer

from raytrain.config.baseline import Tracking
from raytrain.report.write import write_report
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.results.study_results import StudyResults
from raytrain.tracking.background import within
from raytrain.tracking.tracked_run import open_run


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer().serving() as server:
        yield server


@pytest.mark.parametrize("fault", ["401", "garbage", "hangs", "closes"])
def test_with_a_server_that_is_no_use_a_run_goes_on_offline_with_one_line(
    server: WandbServer, tmp_path: Path, fault: Fault
) -> None:
    server.fault = fault
    run = {"run_id": "t1", "outcome": "completed", "rows": rows(0, 160)}
    said = track(tmp_path, [run], timeout_s=60, WANDB_HTTP_TIMEOUT="2", **server.environment)
    assert (said.count("does not answer or refuses the key"), said.count("\n")) == (1, 1)
    assert [row["examples_seen"] for row in wandb_history(wandb_records(tmp_path))] == [0, 160]


def test_a_server_that_falls_silent_holds_up_neither_an_interrupted_run_nor_its_exit(
    server: WandbServer, tmp_path: Path
) -> None:
    code = (
        "import logging, sys, time; from pathlib import Path; import test_tracker_faults as t\n"
        "from raytrain.tracking.background import Background, LaterRun; logging.basicConfig()\n"
        "opening = lambda: t.open_run(t.Tracking(tensorboard=False), t.CONTENT, folder=Path(sys.argv[1]))\n"
        "behind = Background(); run = LaterRun(opening, background=behind); behind.wait(60)\n"
        "print('opened', flush=True); input()\n"
        "began = time.monotonic(); run.log(t.FIRST); run.finish('interrupted', {}); told = time.monotonic()\n"
        "behind.close(hurried=True); closed = time.monotonic(); print(told - began, closed - began, closed)"
    )
    process = python(code, tmp_path, **server.environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "opened\n"
    server.fault = "hangs"
    out, err = process.communicate("\n", timeout=60)
    told_s, closed_s, closed_at = map(float, out.split())
    assert time.monotonic() - closed_at < 8
    assert (process.returncode, err.count("\n"), err.count("still busy")) == (0, 1, 1)
    assert told_s < 0.1
    assert closed_s < 4


def test_what_takes_too_long_is_left_to_itself() -> None:
    with pytest.raises(TimeoutError):
        within(0.05, lambda: time.sleep(1))
    assert within(60, lambda: 3) == 3


def test_where_tensorboard_cannot_write_wandb_goes_on(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("")
    # An id of its own: a test before may have left a run open that a silent server holds up.
    run = open_run(Tracking(wandb="offline"), replace(CONTENT, run_id="without-tensorboard"), folder=tmp_path)
    run.log(FIRST)
    run.log(SECOND)
    run.finish("completed", {})
    assert [row["examples_seen"] for row in wandb_history(wandb_records(tmp_path))] == [0, 160]


def test_a_disk_that_is_full_ends_tensorboard_alone_with_one_line(tmp_path: Path) -> None:
    code = (
        "import logging, resource, sys; from pathlib import Path; import test_tracker_faults as t\n"
        "logging.basicConfig(); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "run = t.open_run(t.Tracking(wandb='disabled'), t.CONTENT, folder=Path(sys.argv[1]))\n"
        "[run.log({**t.FIRST, 'examples_seen': n}) for n in range(200)]; run.finish('completed', {})"
    )
    process = python(code, tmp_path)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.count("\n"), "TensorBoard: " in err) == (0, 1, True)
    points = tensorboard_events(tmp_path / "tensorboard" / "1---8x5").Scalars("eval_wer")
    assert [point.step for point in points][:3] == [0, 1, 2]


@pytest.mark.parametrize("content", ["", "12x", "9" * 5000, "\0"])
def test_a_mark_of_the_last_row_that_is_damaged_sends_all_rows(tmp_path: Path, content: str) -> None:
    (tmp_path / "tracking").mkdir()
    (tmp_path / "tracking" / "study-t1.txt").write_text(content)
    run = open_run(Tracking(wandb="disabled"), CONTENT, folder=tmp_path)
    run.log(FIRST)
    run.finish("completed", {})
    assert [point.step for point in tensorboard_events(tmp_path / "tensorboard" / "1---8x5").Scalars("eval_wer")] == [0]


@pytest.mark.parametrize("broken", [{"WANDB_MODE": "oflin"}, {"WANDB_BASE_URL": ""}, {"WANDB_RUN_ID": " "}])
def test_a_study_s_page_costs_its_last_words_nothing_where_wandb_does_not_work(
    tmp_path: Path, broken: dict[str, str]
) -> None:
    code = (
        "import logging, sys; from pathlib import Path; import test_tracker_faults as t\n"
        "from raytrain.tracking.published_study import publish_study; logging.basicConfig()\n"
        "publish_study(t.Tracking(wandb='offline'), t.ended_study(Path(sys.argv[1])))\n"
        "print('the next command')"
    )
    process = python(code, tmp_path, **broken)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "the next command\n")
    assert err.count("\n") <= 1
    assert "Traceback" not in err


def python(code: str, folder: Path, **values: str) -> subprocess.Popen[str]:
    """A process of its own, since W&B's client keeps its settings for the life of one; it can import this module."""
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], env=environment(PYTHONPATH=os.pathsep.join(sys.path), **values),
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended_study(folder: Path) -> StudyResults:
    Description(baseline_name="tiny", baseline=BASELINE, space_name="smoke", space=SPACE).write(folder)
    Ledger(folder).append(trial(0, Outcome.COMPLETED, 0.3))
    return write_report(folder)
