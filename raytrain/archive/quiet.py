"""A run's folder in; held still while it is read and moved, or the reason why it cannot be: somebody writes to it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from raytrain.errors import InputError

_WAY_OUT = "wait until it has ended, or stop it"


@contextmanager
def held_still(folder: Path) -> Iterator[None]:
    """Hold the run's own locks, so that nobody resumes it meanwhile; refuse a run that is being written."""
    with ExitStack() as held:
        for path in sorted(folder.glob("*.lock")):
            lock = held.enter_context(path.open("rb"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{folder}: in use, {path.name} is held; {_WAY_OUT}") from None
        for process, written in _writers(folder):
            raise InputError(f"{folder}: process {process} is writing {written}; {_WAY_OUT}")
        yield


def _writers(folder: Path) -> Iterator[tuple[int, str]]:
    """Other processes' files below the folder that are open for writing, where the system tells (Linux)."""
    # Texts, not paths: a busy machine has tens of thousands of open files.
    below = f"{folder.resolve()}/"
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            for handle in os.listdir(process / "fd"):  # noqa: PTH208
                target = os.readlink(f"{process}/fd/{handle}")  # noqa: PTH115
                if target.startswith(below) and _is_for_writing(process / "fdinfo" / handle):
                    yield int(process.name), target
        except OSError:
            continue  # it has ended, or is somebody else's


def _is_for_writing(info: Path) -> bool:
    flags = next(line for line in info.read_text().splitlines() if line.startswith("flags:"))
    return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
