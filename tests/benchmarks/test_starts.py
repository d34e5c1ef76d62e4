"""What a trial's start costs is counted by process, and none of what starts once for a study is counted in."""

import os
import sys
from pathlib import Path

import pytest

from raytrain.benchmarks.processes import Spent, role_of, spent_by
from raytrain.benchmarks.starts import a_trial

_BURNS = "import time\nwhile time.process_time() < 1.0: pass"
_STARTS_ONE_THAT_BURNS = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_BURNS!r}])"


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (["ray::RayTrainWorker.poll_status"], "ray::RayTrainWorker"),
        (["ray::ImplicitFunc.train()", "", ""], "ray::ImplicitFunc"),
        (["/usr/bin/python", "-m", "raytrain.tune", "--trials", "4"], "raytrain.tune"),
        (["/usr/bin/python", "-u", "/ray/dashboard/agent.py", "--x"], "agent.py"),
        (["/ray/core/raylet/raylet", "--y"], "raylet"),
        ([], ""),
    ],
)
def test_a_process_is_named_by_what_it_is(command: list[str], role: str) -> None:
    assert role_of(command) == role


def test_a_child_s_seconds_are_counted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _STARTS_ONE_THAT_BURNS]
    spent = spent_by(command, environment=os.environ, folder=tmp_path, log=tmp_path / "log")
    assert spent.status == 0
    assert sum(spent.processes.values()) == 2
    assert 0.6 < spent.all_cpu_s < 1.6


def test_a_trial_costs_what_three_more_add() -> None:
    one = Spent(status=0, wall_s=20, cpu_s={"tune": 15, "worker": 9}, processes={"tune": 1, "worker": 1})
    four = Spent(status=0, wall_s=50, cpu_s={"worker": 36, "tune": 18}, processes={"tune": 1, "worker": 4})
    found = a_trial(one, four)
    assert (found["cpu_s"], found["wall_s"]) == (10, 10)
    assert found["cpu_s_by_process"] == {"worker": 9, "tune": 1}
