"""Tracking that nobody waits for: runs to open, their rows and ends in; the same, told to the trackers, out.

A server answers in its own time, several round trips a run; a study has other things to do. One thread for all runs,
since W&B's client is one for all: what is told first arrives first.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

from raytrain.tracking.tracked_run import TrackedRun

log = logging.getLogger("raytrain")


class Background:
    """Does what it is told, in that order, in a thread of its own. An end of the process does not wait for it."""

    def __init__(self) -> None:
        self._told: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._work, name="tracking", daemon=True).start()

    def do(self, work: Callable[[], None]) -> None:
        self._told.put(work)

    def wait(self, timeout_s: float) -> bool:
        """Until all is done that it was told so far; whether it is."""
        done = threading.Event()
        self.do(done.set)
        return done.wait(timeout_s)

    def _work(self) -> None:
        while True:
            work = self._told.get()
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever the trackers' trouble, the study they look at goes on
                log.warning("tracking: %s: %s", type(error).__name__, error)


class LaterRun:
    """A tracked run that is opened, told and closed in the background."""

    def __init__(self, open_run: Callable[[], TrackedRun], *, background: Background) -> None:
        self._background = background
        self._opened: TrackedRun | None = None

        def open_it() -> None:
            self._opened = open_run()

        background.do(open_it)

    def log(self, row: Mapping[str, Any]) -> None:
        """One row, as it is now."""
        told = dict(row)
        self._then(lambda run: run.log(told))

    def finish(self, outcome: str, summary: Mapping[str, Any]) -> None:
        """As a TrackedRun's."""
        told = dict(summary)
        self._then(lambda run: run.finish(outcome, told))

    def _then(self, tell: Callable[[TrackedRun], None]) -> None:
        def tell_it() -> None:
            if self._opened is not None:  # what did not open has been said
                tell(self._opened)

        self._background.do(tell_it)
