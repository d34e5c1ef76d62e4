"""A watchdog over work that says what it does as it goes on: its signs of life in; Stalled, with the last of them, out.

It sees what hangs: a disk that never answers, a rank that waits for one that is gone. A process that is frozen whole
cannot watch itself; Ray Train's own health check ends that one after ten minutes.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from raytrain.results.wording import duration_text

T = TypeVar("T")

_QUIET_S = 900.0
_TIMES_THE_LONGEST = 10.0
_LOOKS_EVERY_S = 0.5


class Stalled(Exception):
    """The work has shown no sign of life for too long."""


class Pulse:
    """When the work showed its last sign of life, and what it was at."""

    def __init__(self) -> None:
        self._beat_s, self._longest_s = time.monotonic(), 0.0
        self._last = "starting"

    def beat(self, phase: str, examples_seen: int, examples_total: int) -> None:
        """Give a sign of life: what is being done, with the utterances trained on and their total."""
        now_s = time.monotonic()
        self._longest_s = max(self._longest_s, now_s - self._beat_s)
        self._beat_s, self._last = now_s, f"{phase} at {examples_seen:,} of {examples_total:,} utterances"

    def require(self, quiet_s: float) -> None:
        """Raise Stalled where it is quiet for longer than this and ten times the longest quiet so far."""
        passed_s = time.monotonic() - self._beat_s
        if passed_s > quiet_s + _TIMES_THE_LONGEST * self._longest_s:
            raise Stalled(f"no sign of life for {duration_text(passed_s)}; it was {self._last}")


def watched(work: Callable[[], T], pulse: Pulse, *, quiet_s: float = _QUIET_S) -> T:
    """Do the work in a thread of its own, and return or raise what it does; Stalled where its pulse stops."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOKS_EVERY_S)
        pulse.require(quiet_s)
    if errors:
        raise errors[0]
    return results[0]
