"""A stop that lets runs save where they stand: a request in; a file for workers to see, and when the wait is over, out.

A file, as progress is: it reaches workers on any node, and each run has saved before Ray ends its processes.
"""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from raytrain.stopping import SAVED_WITHIN_S
from raytrain.trial.run_progress import read_progress

_LOOKED_FOR_EVERY_S = 0.25
_SAVED_IN_TIME_WITHIN_S = 60.0
"""What runs are given where nobody kills them meanwhile: a checkpoint of medium has 9 GB."""
_TRAINING = ("training", "scoring")
STOP = "stop"
"""The file's name, in the folder of all runs."""


class RunsSavedError(KeyboardInterrupt):
    """A stop was asked for, and nothing that runs has anything left to save. No Exception: Ray Tune lets it through."""


class StopRequest:
    """The driver's side: passes a request on to the workers of all runs in one storage, and waits for them."""

    def __init__(self, storage: Path, asked: threading.Event, *, in_time: Callable[[], bool] = lambda: False) -> None:
        """`asked` is set by somebody who does not wait long; `in_time` says whether the time has come that was set."""
        self._asked, self._in_time, self._path = asked, in_time, _file(storage)
        self._since_s: float | None = None
        self.withdraw()  # that of a process before this one

    @property
    def asked(self) -> bool:
        return self._asked.is_set() or self._in_time()

    def withdraw(self) -> None:
        """Let runs that start from now on train."""
        self._path.unlink(missing_ok=True)

    def is_over(self, runs: Iterable[Path]) -> bool:
        """Whether there is a request, and each of these runs has saved where it stands or has had its time."""
        if not self.asked:
            return False
        if self._since_s is None:
            self._since_s = time.monotonic()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
        within_s = SAVED_WITHIN_S if self._asked.is_set() else _SAVED_IN_TIME_WITHIN_S
        over = time.monotonic() - self._since_s > within_s
        return over or not any(_trains(run) for run in runs)


class StopLooked:
    """A worker's side: whether its run is to stop. Asked at every step, it looks a few times a second."""

    def __init__(self, storage: Path) -> None:
        self._path, self._looked_s, self._found = _file(storage), 0.0, False

    def __call__(self) -> bool:
        now_s = time.monotonic()
        if not self._found and now_s - self._looked_s > _LOOKED_FOR_EVERY_S:
            self._looked_s, self._found = now_s, self._path.exists()
        return self._found


def _trains(run: Path) -> bool:
    """Whether it has done something that is not saved; what has only begun to load has not."""
    progress = read_progress(run)
    return progress is not None and progress.phase in _TRAINING


def _file(storage: Path) -> Path:
    return storage / STOP
