"""How far a run has come between its evaluations: its worker's words in; a small file, and what it holds, out.

A file and no message: it reaches the driver from any node, as checkpoints do, and nobody need be there to take it.
"""

import contextlib
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_LEAST_S = 2.0
"""Between two writings of one phase."""


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """What a run is doing, and where it stands."""

    phase: str
    """loading, training or scoring."""
    examples_seen: int
    examples_total: int


class ProgressFile:
    """Written now and then, by one worker of a run."""

    def __init__(self, run: Path) -> None:
        self._path = _file(run)
        self._phase, self._written_s = "", -math.inf

    def tell(self, phase: str, examples_seen: int, examples_total: int) -> None:
        """Cheap enough for every step: most calls write nothing. A disk that takes no file stops no training."""
        now_s = time.monotonic()
        if phase == self._phase and now_s - self._written_s < _LEAST_S:
            return
        self._phase, self._written_s = phase, now_s
        told = RunProgress(phase=phase, examples_seen=examples_seen, examples_total=examples_total)
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(asdict(told)), encoding="utf-8")
            fresh.replace(self._path)  # whole, or as it was


def read_progress(run: Path) -> RunProgress | None:
    """The last word; None where there is none yet."""
    try:
        return RunProgress(**json.loads(_file(run).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _file(run: Path) -> Path:
    return run / "progress.json"
