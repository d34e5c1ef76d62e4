"""A terminal of a given size in which a piece of work runs in a process of its own: what a person sees of it, as text.

pyte plays the terminal: it wraps, scrolls and takes back lines as a real one does.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyte

LIMIT_S = 120.0


class Moments:
    """Where the work waits, by name, until the terminal has been looked at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def here(self, name: str) -> None:
        """In the work, once all is written that is to be seen: wait."""
        (self._folder / f"{name}.reached").touch()
        ends_s = time.monotonic() + LIMIT_S
        while not (self._folder / f"{name}.seen").exists() and time.monotonic() < ends_s:
            time.sleep(0.02)

    def reached(self) -> str | None:
        """Outside: the name of the one that it waits at."""
        for path in sorted(self._folder.glob("*.reached")):
            if not path.with_suffix(".seen").exists():
                return path.stem
        return None

    def seen(self, name: str) -> None:
        (self._folder / f"{name}.seen").touch()


@dataclass
class Recording:
    """What was seen: the screen at each moment, all lines at the end, and the exit status."""

    moments: dict[str, str] = field(default_factory=dict)
    lines: str = ""
    status: int = 0

    def __str__(self) -> str:
        parts = [f"--- {name}\n{screen}\n" for name, screen in self.moments.items()]
        return "".join([*parts, f"--- all of it, at the end (exit status {self.status})\n{self.lines}\n"])


def recorded(work: Callable[[Moments], None], *, columns: int, rows: int, folder: Path) -> Recording:
    """Run the work in a fork of this process, whose streams are the terminal's."""
    moments = Moments(folder)
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os._exit(_status(work, moments))
    screen = pyte.HistoryScreen(columns, rows, history=2000, ratio=0.5)
    stream, found, ends_s = pyte.ByteStream(screen), Recording(), time.monotonic() + LIMIT_S
    while time.monotonic() < ends_s:
        name = moments.reached()  # asked before the terminal: what the work wrote before is in there
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                stream.feed(os.read(terminal, 65536))
            except OSError:  # the work has ended
                break
        elif name is not None:
            found.moments[name] = _text(screen.display)
            moments.seen(name)
    os.close(terminal)
    found.status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    scrolled = ["".join(line[column].data for column in range(columns)) for line in screen.history.top]
    found.lines = _text([*scrolled, *screen.display])
    return found


def _status(work: Callable[[Moments], None], moments: Moments) -> int:
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
        for number, mode in ((0, "r"), (1, "w"), (2, "w"))
    )
    try:
        work(moments)
    except SystemExit as left:
        return int(left.code or 0)
    except BaseException:  # noqa: BLE001 - the process ends here, and what it says is seen
        sys.excepthook(*sys.exc_info())
        return 70
    return 0


def _text(lines: list[str]) -> str:
    """Without what is blank at the ends of lines and of the whole."""
    return "\n".join(line.rstrip() for line in lines).strip("\n")
