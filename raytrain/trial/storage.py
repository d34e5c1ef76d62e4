"""A run as Ray Train keeps it: its folder in; its latest checkpoint out, and a folder that a run can go on from."""

import json
from pathlib import Path
from typing import Any

from raytrain.files import read_json

_SNAPSHOT = "checkpoint_manager_snapshot.json"


def latest_checkpoint(run: Path) -> Path | None:
    """The last checkpoint that was written whole and reported."""
    snapshot = _read(run)
    latest = snapshot["latest_checkpoint_result"] if snapshot is not None else None
    return run / latest["checkpoint_dir_name"] if latest is not None else None


def noted_checkpoints(run: Path) -> list[Path] | None:
    """All checkpoints that were written whole and reported; None where Ray left no note of them."""
    if not (run / _SNAPSHOT).is_file():
        return None
    return [run / result["checkpoint_dir_name"] for result in read_json(run / _SNAPSHOT)["checkpoint_results"]]


def mend(run: Path) -> None:
    """Let a run start anew whose snapshot a kill cut short: Ray writes it in place, and refuses a torn one for ever."""
    snapshot = _read(run)
    if snapshot is None:
        (run / _SNAPSHOT).unlink(missing_ok=True)
        return
    named = {result["checkpoint_dir_name"] for result in snapshot["checkpoint_results"]}
    if not all((run / name).is_dir() for name in named):
        (run / _SNAPSHOT).unlink()


def _read(run: Path) -> dict[str, Any] | None:
    try:
        snapshot = json.loads((run / _SNAPSHOT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return snapshot if isinstance(snapshot, dict) else None
