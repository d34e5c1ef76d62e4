"""How far long work on a corpus has come: a callable to feed; a bar on a terminal, now and then a line in a log."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

ProgressCallback = Callable[[int, int], None]
"""Called with the number of a manifest's lines that are done, and of all its lines."""

logger = logging.getLogger("raytrain")
_LOG_EVERY_S = 30.0


@contextmanager
def progress_on_stderr(what: str) -> Iterator[ProgressCallback]:
    """A callback that shows progress from its first call on: what is found in a cache shows no bar."""
    if not sys.stderr.isatty():
        yield _logged(what)
        return
    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
    )
    task = bar.add_task(what)

    def show(done: int, total: int) -> None:
        if not bar.live.is_started:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        bar.stop()


def _logged(what: str) -> ProgressCallback:
    logged_at = time.monotonic()

    def log(done: int, total: int) -> None:
        nonlocal logged_at
        if time.monotonic() - logged_at >= _LOG_EVERY_S:
            logged_at = time.monotonic()
            logger.info("%s: %d of %d", what, done, total)

    return log
