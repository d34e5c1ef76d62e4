"""A door's main() in this process: its arguments in; the status, stdout and stderr of `python -m` out.

An interpreter that starts and imports costs a second and more for each refusal. What a door does to its process is
taken back; a test of an import, a signal, or a stream's encoding needs a process of its own, as does one test of each
door.
"""

import importlib
import io
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest

from raytrain import stopping

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PACKAGES = ("raytrain.archive", "raytrain.report")


def ended_here(
    module: str, *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """How `python -m module arguments` ends in this folder."""
    door = importlib.import_module(f"{module}.__main__" if module in _PACKAGES else module)
    asked = [module, *map(str, arguments)]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, chdir(cwd or Path.cwd()), _as_it_was():
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", asked)
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as left:
            door.main()
    said, told = (stream.buffer.getvalue().decode() for stream in (out, err))
    return subprocess.CompletedProcess(asked, int(left.value.code or 0), said, told)


@contextmanager
def _as_it_was() -> Iterator[None]:
    """A process that a door ends with need not be left in order; this one goes on."""
    state, handlers = vars(stopping._state).copy(), {number: signal.getsignal(number) for number in _SIGNALS}
    logger = logging.getLogger("raytrain")
    logs, level, propagates = list(logger.handlers), logger.level, logger.propagate
    try:
        yield
    finally:
        vars(stopping._state).update(state)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        logger.handlers[:] = logs
        logger.setLevel(level)
        logger.propagate = propagates
