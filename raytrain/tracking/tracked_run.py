"""One tracked run: rows of figures in, the same rows in Weights & Biases and in TensorBoard, on `examples_seen`.

Neither may stop or slow the training it looks at. A row is logged once, even where a resumed run reports it again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Tracking
from raytrain.files import write_text
from raytrain.tracking.content import RunContent, flat_row
from raytrain.tracking.tensorboard_events import TensorBoardEvents
from raytrain.tracking.wandb_run import WandbRun

Tracker = TensorBoardEvents | WandbRun


class TrackedRun:
    """A run that is going on. `finish` is called once, whatever the end."""

    def __init__(self, trackers: Sequence[Tracker], *, position: Path) -> None:
        self._trackers = trackers
        self._position = position
        self._logged = int(position.read_text()) if position.exists() else -1

    def log(self, row: Mapping[str, Any]) -> None:
        """Send one row of an evaluation; a row at or before the last one sent is known already and left out."""
        examples_seen = row["examples_seen"]
        if examples_seen <= self._logged:
            return
        for tracker in self._trackers:
            tracker.log(flat_row(row), examples_seen=examples_seen)
        self._logged = examples_seen
        if self._trackers:
            write_text(self._position, str(examples_seen))

    def finish(self, outcome: str, summary: Mapping[str, Any] | None = None) -> None:
        """Close the run as what it was: an Outcome's value, or "interrupted" for one that will be resumed."""
        for tracker in self._trackers:
            tracker.finish(outcome, summary or {})


def open_run(tracking: Tracking, content: RunContent, *, folder: Path, sweep_id: str | None = None) -> TrackedRun:
    """Open a run under its id, or go on with the one of that id; its files lie in `folder`'s wandb/ and tensorboard/.

    It is shown in the sweep of `sweep_id`, if one is given.
    """
    trackers: list[Tracker] = []
    if tracking.tensorboard:
        trackers.append(TensorBoardEvents(folder / "tensorboard" / _folder_name(content.name), content))
    if tracking.wandb != "disabled":
        trackers.append(WandbRun(tracking, content, folder=folder, sweep_id=sweep_id))
    return TrackedRun(trackers, position=folder / "tracking" / f"{_folder_name(content.run_id)}.txt")


def _folder_name(name: str) -> str:
    """A run's name as the name of a folder: what a path may not hold becomes a dash."""
    return "".join(letter if letter.isalnum() or letter in "-_=.+" else "-" for letter in name).lstrip(".") or "run"
