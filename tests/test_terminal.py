"""A study in a real terminal, a pseudo one: what stands there as it runs, and what is left when it is stopped."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
TINY = (
    "--baseline", "tiny", "--space", "smoke", "--trials", "2", "model.pretrained=null", "training.precision=fp32",
    "evaluation.max_utterances=2", "scheduler.name=none", "scaling.use_gpu=false", "tracking.wandb=disabled",
    "vary={training.learning_rate: {values: [1e-5, 2e-5]}}",
)  # fmt: skip


class Terminal:
    """A command whose stderr is a terminal of 100 columns."""

    def __init__(self, *command: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        os.set_blocking(self._ours, False)
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def read(self) -> None:
        """What was written since."""
        try:
            self.shown += os.read(self._ours, 1 << 20).decode(errors="replace")
        except OSError:  # nothing yet, or nobody there any more
            time.sleep(0.1)

    def until(self, pattern: str, *, limit_s: float = 240) -> None:
        deadline = time.monotonic() + limit_s
        while not re.search(pattern, self.shown):
            assert self.process.poll() is None, self.shown
            assert time.monotonic() < deadline, self.shown
            self.read()

    def end(self, *, limit_s: float = 120) -> int:
        deadline = time.monotonic() + limit_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown
            self.read()
        self.read()
        return self.process.returncode

    @property
    def last_line(self) -> str:
        return self.shown.rstrip().splitlines()[-1]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """With a study that has just begun."""
    started = Terminal(sys.executable, "-m", "raytrain.tune", *TINY, f"storage={tmp_path}")
    yield started
    if started.process.poll() is None:
        os.killpg(started.process.pid, signal.SIGKILL)
        started.process.wait()


@pytest.mark.soak
def test_ctrl_c_leaves_the_terminal_clean_and_the_command_to_go_on(terminal: Terminal, tmp_path: Path) -> None:
    terminal.until(r"trial 0.*training.*\d+/\d+")
    os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.end() == 130
    (study,) = tmp_path.glob("*_tiny_smoke")
    assert terminal.last_line == f"python -m raytrain.tune --resume {study}"
    assert terminal.shown.rindex(SHOW_CURSOR) > terminal.shown.rindex(HIDE_CURSOR)
    assert "Traceback" not in terminal.shown
