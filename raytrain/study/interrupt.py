"""Ctrl-C and SIGTERM while Tune runs: signals in; a graceful stop, and the fact that there was one, out."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping_gracefully() -> Iterator[threading.Event]:
    """Yields the event that says whether somebody asked to stop. A second signal does not wait any longer.

    Tune's own handler would end the study as if it were done; SIGUSR1 is what it takes as a request to stop.
    """
    asked = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        os.kill(os.getpid(), signal.SIGUSR1)

    def wait_for_tune(number: int, frame: FrameType | None) -> None:
        """Until Tune puts its own handler here: SIGUSR1 would otherwise kill the process."""

    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGUSR1: wait_for_tune}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
