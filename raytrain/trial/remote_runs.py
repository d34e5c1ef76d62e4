"""Runs as Ray Train keeps them on S3: a place there in; its checkpoints sent, brought here, mended or removed, out.

S3 writes an object whole or not at all, and Ray's note of a checkpoint comes after all of its objects: nothing there is
ever torn. What can be is that somebody removed some of it.
"""

import errno
import json
import logging
import re
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.files import SUMS, sum_faults, whole_folder
from raytrain.files.s3 import PATIENT, RemoteFolder, connect
from raytrain.trial.run_progress import PROGRESS, RunProgress, as_progress, as_text
from raytrain.trial.stop_request import STOP
from raytrain.trial.storage import SNAPSHOT, by_step, naming_alone, parsed

_log = logging.getLogger("raytrain")
_AT_ONCE = 8
_SENDING = re.compile(r"When .*?: (?=AWS Error)")
"""How pyarrow begins: with the object's name twice, before the fault."""
NOT_KEPT = errno.EREMOTEIO
"""The number of the fault by which S3 took no checkpoint: like a disk's it reaches the driver, from any process."""


class RemoteRuns:
    """All runs below one place on S3, a prefix each."""

    def __init__(self, url: str) -> None:
        self._folder = RemoteFolder(url, attempts=PATIENT)
        self._url = url

    def for_ray(self) -> dict[str, Any]:
        """Where Ray Train is to keep them."""
        return {"storage_path": self._folder.key, "storage_filesystem": connect(PATIENT)}

    def latest(self, run: str) -> str | None:
        """The name of the last checkpoint that was written whole and reported."""
        found = self._snapshot(run)
        latest = None if found is None else found[1].latest_checkpoint_result
        return latest.checkpoint_dir_name if latest is not None else None

    def snapshot(self, run: str, kept: Sequence[str]) -> dict[str, Any] | None:
        """Ray's note of a run, naming these of its checkpoints alone."""
        found = self._snapshot(run)
        return None if found is None else naming_alone(found[0], kept)

    def mend(self, run: str) -> None:
        """Let Ray's note name only checkpoints that are whole there, and say which are not: else no run would start."""
        found = self._snapshot(run)
        if found is None:
            self._folder.remove(f"{run}/{SNAPSHOT}")
            return
        noted = [Path(one.checkpoint_dir_name) for one in found[1].checkpoint_results]
        kept = [one.name for one in sorted(noted, key=by_step)]
        while kept and (fault := self._fault(f"{run}/{kept[-1]}")) is not None:
            damaged = kept.pop()
            way_on = f"going on from {kept[-1]}" if kept else "the run begins anew"
            _log.warning("%s/%s/%s: %s; %s", self._url, run, damaged, fault, way_on)
        changed = naming_alone(found[0], kept)
        if changed is None:
            self._folder.remove(f"{run}/{SNAPSHOT}")
        elif changed != found[0]:
            self._folder.write(f"{run}/{SNAPSHOT}", json.dumps(changed).encode())

    def send(self, checkpoint: str, folder: Path) -> None:
        """Put a checkpoint's files below RUN/NAME; OSError with `NOT_KEPT` and S3's own words where it takes one not.

        Not by pyarrow's copy_files, as Ray Train would: that one overlooks what S3 answers last, and Ray would note a
        checkpoint which is not there.
        """
        try:
            for path in sorted(folder.iterdir()):
                self._folder.put(f"{checkpoint}/{path.name}", path)
        except InputError as error:
            raise OSError(NOT_KEPT, _SENDING.sub("", str(error))) from None

    def bring(self, checkpoint: str, folder: Path, *, but: Collection[str] = ()) -> Path:
        """Bring a checkpoint, RUN/NAME, into a new folder here, and see that its bytes are those that were written.

        Without `but`, which are large and may stay where they are. One that is here already is not brought again.
        """
        there = RemoteFolder(f"{self._url}/{checkpoint}", attempts=PATIENT)
        with whole_folder(folder) as built:
            names = [name for name in there.sizes() if name not in but]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(lambda name: there.get(name, built / name), names))
            if (fault := next(sum_faults(built, but=but), None)) is not None:
                raise InputError(f"{there.url}: {fault}; bring it back, or remove the run to begin anew")
        return folder

    def remove(self, run: str) -> None:
        """Remove all of a run."""
        self._folder.delete_below(run)

    def take_out(self, checkpoint: str, name: str, *, sums: Path) -> None:
        """Remove a file of a checkpoint, of which these are the sums without it."""
        self._folder.put(f"{checkpoint}/{SUMS}", sums)
        self._folder.remove(f"{checkpoint}/{name}")

    def tell_progress(self, run: str, progress: RunProgress) -> None:
        self._folder.write(f"{run}/{PROGRESS}", as_text(progress).encode())

    def read_progress(self, run: str) -> RunProgress | None:
        raw = self._folder.read(f"{run}/{PROGRESS}")
        return None if raw is None else as_progress(raw, place=f"{self._url}/{run}/{PROGRESS}")

    def forget_progress(self, run: str) -> None:
        """Remove what an earlier process wrote: the run is started anew."""
        self._folder.remove(f"{run}/{PROGRESS}")

    def ask_to_stop(self, asked: bool) -> None:
        """Let all runs stop where they stand, or train."""
        if asked:
            self._folder.write(STOP, b"")
        else:
            self._folder.remove(STOP)

    def is_asked_to_stop(self) -> bool:
        return self._folder.read(STOP) is not None

    def _snapshot(self, run: str) -> Any:
        raw = self._folder.read(f"{run}/{SNAPSHOT}")
        return None if raw is None else parsed(raw, place=f"{self._url}/{run}/{SNAPSHOT}")

    def _fault(self, checkpoint: str) -> str | None:
        raw = self._folder.read(f"{checkpoint}/{SUMS}")
        if raw is None:
            return f"{SUMS}: missing"
        there = RemoteFolder(f"{self._url}/{checkpoint}", attempts=PATIENT).sizes()
        listed: Iterable[str] = (line.partition("  ")[2] for line in raw.decode(errors="replace").splitlines())
        lost = sorted(name for name in listed if name not in there)
        return f"{lost[0]}: missing" if lost else None
