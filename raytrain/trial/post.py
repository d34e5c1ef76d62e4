"""Between a training and whoever started it: how far it is, whether it is to stop, what of it is kept.

By files beside the run where it is kept in a folder, by small objects where it is on S3; those in a thread of their
own, since no step waits for a network.
"""

import threading
import time
from pathlib import Path
from typing import Protocol

from raytrain.errors import InputError
from raytrain.trial.job import Job
from raytrain.trial.remote_runs import RemoteRuns
from raytrain.trial.run_progress import ProgressFile, RunProgress
from raytrain.trial.stop_request import StopLooked
from raytrain.trial.storage import latest_checkpoint

_EVERY_S = 3.0
_TELLS_EVERY_S = 12.0


class Post(Protocol):
    """What a training tells and asks."""

    def tell(self, phase: str, examples_seen: int, examples_total: int) -> None:
        """Say how far the training is."""

    def again(self, phase: str) -> None:
        """Say that it is as far as it was told last, in another phase."""

    def is_asked_to_stop(self) -> bool:
        """Whether the run is to save where it stands, and to end."""

    def latest(self) -> str | None:
        """The name of the last checkpoint that is kept."""


def post_of(job: Job, *, tells: bool) -> Post:
    """The post of a rank of this job; one of them `tells`."""
    if job.remote is not None:
        return _Objects(RemoteRuns(job.remote), job.name, tells=tells)
    return _Files(Path(job.storage), job.name, tells=tells)


class _Files:
    def __init__(self, storage: Path, name: str, *, tells: bool) -> None:
        self._run = storage / name
        self._file = ProgressFile(self._run) if tells else None
        self._looked = StopLooked(storage)

    def tell(self, phase: str, examples_seen: int, examples_total: int) -> None:
        if self._file is not None:
            self._file.tell(phase, examples_seen, examples_total)

    def again(self, phase: str) -> None:
        if self._file is not None:
            self._file.tell(phase, *self._file.last)

    def is_asked_to_stop(self) -> bool:
        return self._looked()

    def latest(self) -> str | None:
        found = latest_checkpoint(self._run)
        return None if found is None else found.name


class _Objects:
    def __init__(self, runs: RemoteRuns, name: str, *, tells: bool) -> None:
        self._runs, self._name, self._tells = runs, name, tells
        self._last = RunProgress(phase="", examples_seen=0, examples_total=0)
        self._asked = False
        threading.Thread(target=self._exchange, daemon=True).start()

    def tell(self, phase: str, examples_seen: int, examples_total: int) -> None:
        self._last = RunProgress(phase=phase, examples_seen=examples_seen, examples_total=examples_total)

    def again(self, phase: str) -> None:
        self.tell(phase, self._last.examples_seen, self._last.examples_total)

    def is_asked_to_stop(self) -> bool:
        return self._asked

    def latest(self) -> str | None:
        return self._runs.latest(self._name)

    def _exchange(self) -> None:
        told, told_s = self._last, time.monotonic()
        while True:
            due = self._last.phase != told.phase or time.monotonic() - told_s > _TELLS_EVERY_S
            try:
                if self._tells and due and self._last != told:
                    self._runs.tell_progress(self._name, self._last)
                    told, told_s = self._last, time.monotonic()
                self._asked = self._runs.is_asked_to_stop()
            except InputError:  # S3 is away; the training goes on, and what is told next tells this, too
                pass
            time.sleep(_EVERY_S)
