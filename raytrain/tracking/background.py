"""Tracking that nobody waits for: runs to open, their rows and ends in; the same, sent to the trackers in order, out.

A server answers in its own time, several round trips a run; a study has other things to do. One thread for all runs,
since W&B's client is one for all.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

from raytrain.tracking.tracked_run import TrackedRun

log = logging.getLogger("raytrain")


class Background:
    """Does pieces of work one after the other in a thread of its own. An end of the process does not wait for it."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._work, name="tracking", daemon=True).start()

    def do(self, work: Callable[[], None]) -> None:
        """Add a piece of work, and return at once."""
        self._queue.put(work)

    def wait(self, timeout_s: float) -> bool:
        """Wait until all work added so far is done; whether it is."""
        done = threading.Event()
        self.do(done.set)
        return done.wait(timeout_s)

    def _work(self) -> None:
        while True:
            work = self._queue.get()
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever the trackers' trouble, the study they look at goes on
                log.warning("tracking: %s: %s", type(error).__name__, error)


class LaterRun:
    """A tracked run that is opened, logged to and closed in the background."""

    def __init__(self, open_run: Callable[[], TrackedRun], *, background: Background) -> None:
        self._background = background
        self._opened: TrackedRun | None = None

        def open_it() -> None:
            self._opened = open_run()

        background.do(open_it)

    def log(self, row: Mapping[str, Any]) -> None:
        """Send one row, as it is now."""
        copy = dict(row)
        self._then(lambda run: run.log(copy))

    def finish(self, outcome: str, summary: Mapping[str, Any]) -> None:
        """Close the run, with its summary as it is now."""
        copy = dict(summary)
        self._then(lambda run: run.finish(outcome, copy))

    def _then(self, action: Callable[[TrackedRun], None]) -> None:
        def act() -> None:
            if self._opened is not None:  # why it did not open was logged as it failed
                action(self._opened)

        self._background.do(act)
