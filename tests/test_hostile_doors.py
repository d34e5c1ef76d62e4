"""Doors given what nobody would type, on terminals that show little: an answer or one refusal, and no traceback."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_words import hostile_command

from raytrain import fit, plan, tune

MAINS = {"tune": tune.main, "fit": fit.main, "plan": plan.main}


def status_of(door: str, arguments: list[str]) -> int:
    """What a door ends with, in this process; any other exception comes out."""
    sys.argv = [f"raytrain.{door}", *arguments]
    with pytest.raises(SystemExit) as left:
        MAINS[door]()
    return int(left.value.code or 0)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working folder, and streams in UTF-8 that keep nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [])
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))


@pytest.mark.parametrize("block", range(4))
def test_no_command_ends_in_a_traceback(streams: None, block: int) -> None:
    seeds = range(50 * block, 50 * block + 50)
    assert {status_of(*hostile_command(seed)) for seed in seeds} <= {0, 2}


def ended(*arguments: str, cwd: Path, **environment: str | None) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=cwd, env=kept, capture_output=True, timeout=60)


def test_a_terminal_that_is_ascii_shows_our_signs_plainly(tmp_path: Path) -> None:
    shown = ended("raytrain.plan", cwd=tmp_path, LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (shown.returncode, b"12 x 3" in shown.stdout) == (0, True), shown.stderr


def test_a_name_that_steers_a_terminal_or_is_no_utf_8_is_printed_escaped(tmp_path: Path) -> None:
    shown = ended("raytrain.fit", "--config", "\x1b[31mred\udcff.yaml", "--dry-run", cwd=tmp_path)
    assert (shown.returncode, shown.stderr[:24]) == (2, rb"'\x1b[31mred\udcff.yaml'"), shown.stderr


def test_a_closed_stdout_and_stderr_end_nothing(tmp_path: Path) -> None:
    command = f"{sys.executable} -m raytrain.plan >&- 2>&-"
    assert subprocess.run(command, shell=True, cwd=tmp_path, timeout=60).returncode == 0


def test_a_working_folder_that_was_deleted_is_one_line(tmp_path: Path) -> None:
    script = f"mkdir gone; cd gone; rmdir ../gone; exec {sys.executable} -m raytrain.fit --resume x"
    shown = subprocess.run(script, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stderr.count("\n")) == (2, 1), shown.stderr
