"""One tracked run: rows of figures in, the same rows in Weights & Biases and in TensorBoard, on `examples_seen`.

Neither may stop or slow the training it looks at: one that raises is left out from then on, with a line, and the other
goes on. A row is logged once, even where a resumed run reports it again.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Tracking
from raytrain.config.languages import Rate
from raytrain.files import write_text
from raytrain.results.rates import as_written
from raytrain.tracking.content import RunContent, flat_row
from raytrain.tracking.tensorboard_events import TensorBoardEvents
from raytrain.tracking.wandb_run import WandbRun, warn_once

Tracker = TensorBoardEvents | WandbRun


class TrackedRun:
    """A run that is going on. `finish` is called once, whatever the end."""

    def __init__(self, trackers: Sequence[Tracker], *, position: Path, rate: Rate = "WER") -> None:
        """`rate` is what the run is judged by, and names its figures."""
        self._rate = rate
        self._trackers = list(trackers)
        self._position = position
        self._logged = _last_sent(position)
        self.each(lambda tracker: tracker.open())

    def log(self, row: Mapping[str, Any]) -> None:
        """Send one row of an evaluation; a row at or before the last one sent is known already and left out."""
        examples_seen = row["examples_seen"]
        if examples_seen <= self._logged:
            return
        sent = as_written(row, self._rate)
        self.each(lambda tracker: tracker.log(flat_row(sent), examples_seen=examples_seen))
        self._logged = examples_seen
        if self._trackers:
            write_text(self._position, str(examples_seen))

    def finish(self, outcome: str, summary: Mapping[str, Any] | None = None) -> None:
        """Close the run as what it was: an Outcome's value, or "interrupted" for one that will be resumed."""
        sent = as_written(summary or {}, self._rate)
        self.each(lambda tracker: tracker.finish(outcome, sent))

    def each(self, action: Callable[[Tracker], None]) -> None:
        """Do something with each tracker, and without those that raise from then on."""
        for tracker in tuple(self._trackers):
            try:
                action(tracker)
            except Exception as error:  # noqa: BLE001 - whatever a tracker's trouble, the training it looks at goes on
                warn_once(tracker.given_up(error))
                self._trackers.remove(tracker)


def open_run(tracking: Tracking, content: RunContent, *, folder: Path, sweep_id: str | None = None) -> TrackedRun:
    """Open a run under its id, or go on with the one of that id; its files lie in `folder`'s wandb/ and tensorboard/.

    It is shown in the sweep of `sweep_id`, if one is given.
    """
    trackers: list[Tracker] = []
    if tracking.tensorboard:
        trackers.append(TensorBoardEvents(folder / "tensorboard" / _folder_name(content.name), content))
    if tracking.wandb != "disabled":
        trackers.append(WandbRun(tracking, content, folder=folder, sweep_id=sweep_id))
    position = folder / "tracking" / f"{_folder_name(content.run_id)}.txt"
    return TrackedRun(trackers, position=position, rate=content.rate)


def _last_sent(position: Path) -> int:
    """-1 where nothing is known to be sent: W&B knows a step that it has, TensorBoard shows a point twice."""
    if not position.is_file():  # a pipe would be waited for
        return -1
    try:
        with position.open("rb") as file:
            written = file.read(20)
        return int(written) if len(written) < 20 else -1  # no run sees so many
    except (OSError, ValueError):
        return -1


def _folder_name(name: str) -> str:
    """A run's name as the name of a folder: what a path may not hold becomes a dash."""
    return "".join(letter if letter.isalnum() or letter in "-_=.+" else "-" for letter in name).lstrip(".") or "run"
