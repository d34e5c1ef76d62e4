"""Between a run's own folder here and its place on S3: small files there, progress and checkpoints here, by and by.

What is true of a run stands in its folder, written by this process alone. A thread brings what workers tell into the
files that all else reads, sends a stop request on, and copies what is small; where S3 is away for a while it goes on
later, and nothing waits for it.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from raytrain.errors import ClusterLost, InputError
from raytrain.files import SUMS, make_folder, move, take_out, write_json, write_text
from raytrain.files.s3 import PATIENT, RemoteFolder
from raytrain.trial.remote_runs import RemoteRuns
from raytrain.trial.run_progress import PROGRESS, as_text
from raytrain.trial.stop_request import STOP
from raytrain.trial.storage import SNAPSHOT

_log = logging.getLogger("raytrain")
_EVERY_S = 3.0
_HURRIED_S = 0.5
_COPIES_EVERY_S = 30.0
NOT_COPIED = {"ray", "checkpoints", "wandb", "tensorboard"}
"""What is large or not the run's own; checkpoints are on S3 as it is."""
_DATABASE = "optuna.db"
STATE = "training_state.pt"
"""The file of a checkpoint that only a run that goes on needs."""
LARGE = frozenset({STATE, "model.safetensors"})
"""The files of a checkpoint that are large: an ended trial's stay on S3."""


class Mirror:
    """Of one fit or study, while this process runs it."""

    def __init__(self, folder: Path, *, url: str, runs: Path, names: Callable[[], Sequence[str]]) -> None:
        """`url` is the place of the whole folder, `runs` the part of it that workers write to; `names` are those that
        run now."""
        below = runs.relative_to(folder).as_posix()
        self._folder, self._local, self._names = folder, runs, names
        self.runs = RemoteRuns(url if below == "." else f"{url}/{below}")
        self._copies = RemoteFolder(url, attempts=PATIENT)
        self._copied: dict[Path, tuple[int, int]] = {}
        self._copied_s = 0.0
        self._stops = False
        self._over = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextmanager
    def running(self) -> Iterator["Mirror"]:
        """Mirror for as long as the block runs, and copy all that is small once more as it ends."""
        make_folder(self._local)
        with _as_lost():
            self.runs.ask_to_stop(False)
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()
            try:
                self.copy()
            except InputError as error:
                _log.warning("%s; the last of this run's files are here alone: %s", error, self._folder)

    def bring(self, run: str, checkpoint: str, *, but: Collection[str] = ()) -> Path:
        """The checkpoint in the run's folder here, as far as it is wanted; ClusterLost where S3 stays away."""
        folder = self._local / run / checkpoint
        if not folder.is_dir():
            with _as_lost():
                self.runs.bring(f"{run}/{checkpoint}", folder, but=but)
        return folder

    def bring_weights(self, run: str, checkpoint: str) -> None:
        """The same with its weights, in place of what of it is here; where S3 stays away, that is said."""
        folder = self._local / run / checkpoint
        with _patiently(), TemporaryDirectory(dir=self._local, prefix=".") as scratch:
            brought = self.runs.bring(f"{run}/{checkpoint}", Path(scratch, "whole"), but={STATE})
            take_out(brought, STATE)
            shutil.rmtree(folder, ignore_errors=True)
            make_folder(folder.parent)
            move(brought, folder)

    def bring_latest(self, run: str) -> None:
        """The last checkpoint of a run, all of it, as Ray notes it in a folder; ClusterLost where S3 stays away."""
        name = self.latest(run)
        if name is not None:
            self.bring(run, name)
            with _as_lost():
                write_json(self._local / run / SNAPSHOT, self.runs.snapshot(run, [name]))

    def mend(self, run: str) -> None:
        """Set aside what Ray notes of a run and is not there; ClusterLost where S3 stays away."""
        with _as_lost():
            self.runs.mend(run)

    def latest(self, run: str) -> str | None:
        """The name of the last checkpoint of a run; ClusterLost where S3 stays away."""
        with _as_lost():
            return self.runs.latest(run)

    def remove(self, run: str) -> None:
        """Remove a run on S3."""
        with _patiently():
            self.runs.remove(run)

    def take_out(self, run: str, checkpoint: str, name: str) -> None:
        """Remove a file of a checkpoint there, once it is taken out of what is here."""
        with _patiently():
            self.runs.take_out(f"{run}/{checkpoint}", name, sums=self._local / run / checkpoint / SUMS)

    def copy(self) -> None:
        """Copy each small file that has changed since it was copied."""
        for path in _small_files(self._folder):
            status = path.stat()
            seen = (status.st_mtime_ns, status.st_size)
            if self._copied.get(path) != seen:
                self._copies.put(path.relative_to(self._folder).as_posix(), path)
                self._copied[path] = seen

    def _run(self) -> None:
        while not self._over.wait(_HURRIED_S if self._stops else _EVERY_S):
            try:
                self._pass_on_stop()
                self._bring_progress()
                if time.monotonic() - self._copied_s > _COPIES_EVERY_S:
                    self.copy()
                    self._copied_s = time.monotonic()
                self._away = False
            except (InputError, OSError) as error:
                if not self._away:
                    _log.warning("%s; going on, and trying again", error)
                self._away = True

    def _pass_on_stop(self) -> None:
        asked = (self._local / STOP).exists()
        if asked != self._stops:
            self.runs.ask_to_stop(asked)
            self._stops = asked

    def _bring_progress(self) -> None:
        for name in self._names():
            progress = self.runs.read_progress(name)
            if progress is not None:
                write_text(self._local / name / PROGRESS, as_text(progress), durable=False)


def copy_small_files(folder: Path, url: str) -> None:
    """Copy what is small of a run's folder to its place on S3, a report that was written after its end, say."""
    with _patiently():
        there = RemoteFolder(url, attempts=PATIENT)
        for path in _small_files(folder):
            there.put(path.relative_to(folder).as_posix(), path)


def _small_files(folder: Path) -> Iterator[Path]:
    for top in sorted(folder.iterdir()):
        if top.name in NOT_COPIED or top.name.startswith((_DATABASE, ".")):
            continue
        yield from [top] if top.is_file() else (path for path in sorted(top.rglob("*")) if path.is_file())


@contextmanager
def _patiently() -> Iterator[None]:
    """What is tidied away or fetched at the end is no reason to end a study."""
    try:
        yield
    except InputError as error:
        _log.warning("%s; left as it is", error)


@contextmanager
def _as_lost() -> Iterator[None]:
    """A storage that stays away ends the work, which can be gone on with, and is nothing that the person got wrong."""
    try:
        yield
    except InputError as error:
        raise ClusterLost(str(error)) from None
