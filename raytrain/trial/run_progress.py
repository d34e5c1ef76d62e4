"""How far a run has come between its evaluations: its worker's words in; a small file, and what it holds, out.

A file and no message: it reaches the driver from any node, as checkpoints do, and nobody need be there to take it.
"""

import contextlib
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from raytrain.errors import InputError
from raytrain.files import as_kind, parse_json, read_as, write_text

STOPPED = "stopped"
PROGRESS = "progress.json"
"""The file's name, in the run's folder."""
_LEAST_S = 2.0
"""Seconds at least between two writings of one phase."""


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """What a run is doing, and where it stands."""

    phase: str
    """The phase: loading, training, scoring, or stopped where it was asked to and has saved where it stands."""
    examples_seen: int
    examples_total: int


class ProgressFile:
    """The file of a run's progress, which one of its workers writes now and then."""

    def __init__(self, run: Path) -> None:
        self._path = _file(run)
        self._phase, self._written_s = "", -math.inf
        self.last = (0, 0)
        """The examples seen, and their total, as told last."""

    def tell(self, phase: str, examples_seen: int, examples_total: int) -> None:
        """Write where the run stands, if it is time to: most calls write nothing, and a full disk stops no training."""
        now_s, self.last = time.monotonic(), (examples_seen, examples_total)
        if phase == self._phase and now_s - self._written_s < _LEAST_S:
            return
        self._phase, self._written_s = phase, now_s
        progress = RunProgress(phase=phase, examples_seen=examples_seen, examples_total=examples_total)
        with contextlib.suppress(OSError):
            write_text(self._path, as_text(progress), durable=False)


def read_progress(run: Path) -> RunProgress | None:
    """The progress as last written; None where none is yet."""
    try:
        return read_as(_file(run), RunProgress)
    except InputError:
        return None


def as_text(progress: RunProgress) -> str:
    """The progress as its file holds it."""
    return json.dumps(asdict(progress))


def as_progress(raw: bytes, *, place: str) -> RunProgress | None:
    """The progress that a file holds; None where that is something else."""
    try:
        return as_kind(parse_json(raw, place=place, way_out="it is written anew"), RunProgress, place=place, way_out="")
    except InputError:
        return None


def forget_progress(run: Path) -> None:
    """Remove what an earlier process wrote: the run is started anew."""
    _file(run).unlink(missing_ok=True)


def _file(run: Path) -> Path:
    return run / PROGRESS
