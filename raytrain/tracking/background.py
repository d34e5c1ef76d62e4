"""Tracking that nobody waits for: runs to open, their rows and ends in; the same, sent to the trackers in order, out.

A server answers in its own time, several round trips a run; a study has other things to do. One thread for all runs,
since W&B's client is one for all.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from raytrain.tracking.tracked_run import TrackedRun, warn_once

log = logging.getLogger("raytrain")
T = TypeVar("T")
_PATIENCE_S = 60.0
"""W&B's own patience with a server is 30 s a run."""
_HURRIED_S = 2.0
"""Of the 10 s between a machine's SIGTERM and its SIGKILL."""


def within(timeout_s: float, work: Callable[[], T]) -> T:
    """What the work hands out or raises; TimeoutError where it takes longer: it is left to itself then."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(timeout_s)


class Background:
    """Does pieces of work one after the other in a thread of its own: whatever a tracker raises or hangs in stays here.

    An end of the process does not wait for it.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], None]) -> None:
        """Add a piece of work, and return at once."""
        self._queue.put(work)

    def wait(self, timeout_s: float) -> bool:
        """Wait until all work added so far is done; whether it is."""
        done = threading.Event()
        self.do(done.set)
        return done.wait(timeout_s)

    def close(self, *, hurried: bool = False) -> None:
        """Wait a minute at most, hurried 2 s, for what was added; then it is left to itself, with one last line."""
        if not self.wait(_HURRIED_S if hurried else _PATIENCE_S):
            log.warning("the trackers are still busy with what they were given; what does not arrive is on disk")
            log.addFilter(lambda record: record.thread != self._thread.ident)

    def _work(self) -> None:
        while True:
            work = self._queue.get()
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever the trackers' trouble, the run they look at goes on
                warn_once(f"tracking: {type(error).__name__}: {error}")


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
