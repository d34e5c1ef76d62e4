"""A run's folder in; held still while it is read and moved, or the reason why it cannot be: somebody writes to it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
from filelock import lock_descriptor

from raytrain.errors import InputError

_WAY_OUT = "wait until it has ended, or stop it"


@contextmanager
def held_still(folder: Path) -> Iterator[None]:
    """Hold the run's own locks, so that nobody resumes it meanwhile; refuse a run that is being written."""
    with ExitStack() as held:
        for path in sorted(path for path in folder.glob("*.lock") if path.is_file()):
            lock = held.enter_context(path.open("rb"))  # to read, not as ProcessLock: its bytes stay the run's
            if not lock_descriptor(lock.fileno(), blocking=False):
                raise InputError(f"{folder}: in use, {path.name} is held; {_WAY_OUT}")
        for process_id, written in _writers(folder):
            raise InputError(f"{folder}: process {process_id} is writing {written}; {_WAY_OUT}")
        yield


def _writers(folder: Path) -> Iterator[tuple[int, str]]:
    """Other processes' files below the folder that are open for writing, as far as the system lets us see."""
    below = f"{folder.resolve()}/"
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with suppress(psutil.Error):  # it has ended, or is somebody else's
            for file in process.open_files():
                if file.path.startswith(below) and getattr(file, "mode", "w") != "r":  # only Linux has the mode
                    yield process.pid, file.path
