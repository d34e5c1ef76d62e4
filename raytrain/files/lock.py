"""A lock file that one process holds at a time; who holds it is written in it."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self

from filelock import lock_descriptor

from raytrain.errors import InputError
from raytrain.files.typed import require_file


class ProcessLock:
    """Held as a context manager, by one process at a time; it goes when its process does, by whatever death.

    While another process holds it, `in_use` takes who that is, "process 12 on host", and returns the error to raise,
    or None: then entering waits. The same object can be entered again while it is held; another object cannot.
    """

    def __init__(self, path: Path, *, in_use: Callable[[str], InputError | None]) -> None:
        self._path, self._in_use = path, in_use
        self._file: IO[str] | None = None
        self._times_entered = 0

    def __enter__(self) -> Self:
        if self._file is None:
            self._file = _taken(self._path, self._in_use)
        self._times_entered += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._times_entered -= 1
        if self._file is not None and not self._times_entered:
            self._file.close()
            self._file = None


def _taken(path: Path, in_use: Callable[[str], InputError | None]) -> IO[str]:
    try:
        require_file(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}, in the place of a lock; remove it") from None
    file = path.open("a+", encoding="utf-8", errors="replace")  # a mode that leaves the holder's name in it
    try:
        if not lock_descriptor(file.fileno(), blocking=False):
            file.seek(0)
            refusal = in_use(file.read().strip() or "another process")
            if refusal is not None:
                raise refusal
            lock_descriptor(file.fileno())
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
    except BaseException:
        file.close()
        raise
    return file
