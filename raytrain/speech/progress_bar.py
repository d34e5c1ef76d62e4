"""How far long work on a corpus has come: a callable to feed; a bar on a terminal, now and then a line in a log."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

Progress = Callable[[int, int], None]
"""Called with the lines of the manifest that are done, and how many there are."""

logger = logging.getLogger("raytrain")
_LOG_EVERY_S = 30.0


@contextmanager
def progress_on_stderr(what: str) -> Iterator[Progress]:
    """Nothing is shown until the work first tells of itself: what is found in a cache shows no bar."""
    if not sys.stderr.isatty():
        yield _logged(what)
        return
    bar = RichProgress(
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


def _logged(what: str) -> Progress:
    told_at = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _LOG_EVERY_S:
            told_at = time.monotonic()
            logger.info("%s: %d of %d", what, done, total)

    return tell
