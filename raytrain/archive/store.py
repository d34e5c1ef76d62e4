"""The archive: `add` takes a run out of the world, `restore` brings it back, `verify` reads every byte."""

import errno
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from raytrain.archive.checks import (
    checked_name,
    kind_of,
    require_free,
    require_new,
    require_place,
    require_whole_checkpoints,
)
from raytrain.archive.checksums import Manifest, faults, hashed, read_manifest, remote_faults
from raytrain.archive.index import entries, restored, write_index
from raytrain.archive.journal import Move, clear_strays, is_moving, journals
from raytrain.archive.kept import readable
from raytrain.archive.move import move_in, move_out, settle
from raytrain.archive.quiet import held_still
from raytrain.archive.summaries import made_with
from raytrain.archive.tree import one_line, plain, refuse_links_out, scan
from raytrain.errors import Damaged, InputError
from raytrain.files import ProcessLock
from raytrain.files.s3 import RemoteFolder
from raytrain.results.records import utc_now

_MIB = 2**20


class Archive:
    """A folder of archived runs; the folder around it is the project they came from. `say` prints a line."""

    def __init__(self, home: Path = Path("archive"), *, say: Callable[[str], None] = lambda _: None) -> None:
        self.home = plain(home)
        self.project = self.home.parent
        self._say = say

    def add(
        self,
        source: Path,
        *,
        why: str,
        name: str | None = None,
        to: str | None = None,
        replaced_by: str | None = None,
        wer_unit: str | None = None,
        outside: bool = False,
    ) -> Manifest:
        """Move a run into the archive. A second call for a run that has arrived changes nothing."""
        place = plain(source)
        name = checked_name(place.name if name is None else name)
        if not why.strip():
            raise InputError("--why: empty; say why the run is over")
        require_place(place, home=self.home, outside=outside)
        if not self.home.exists():
            kind_of(place)  # a slip of the pen makes no archive
            self.home.mkdir(parents=True)
        with self._alone():
            if not place.exists() and (known := self._arrived(place, name)) is not None:
                self._say(f"{self.home / name}: {place} is in the archive already")
                return known
            kind = kind_of(place)
            require_new(self.home / name)
            self._require_settled(name)
            remote = RemoteFolder(f"{to.rstrip('/')}/{name}") if to is not None else None
            if remote is not None:
                remote.require_new()  # a slip of the pen is refused before gigabytes are read
            with held_still(place):
                manifest = self._manifest(
                    place, name=name, kind=kind, why=why.strip(), replaced_by=replaced_by, wer_unit=wer_unit
                )
                if remote is not None:
                    manifest = manifest.with_remote(remote.url)
                self._note(move_in(self.home, manifest, place))
            self._renew_index()
        return manifest

    def restore(self, name: str, *, to: Path | None = None, keep: bool = False) -> Path:
        """Move a run back to where it came from, or to `to`; with `keep` the archive keeps it as well."""
        asked = plain(to) if to is not None else None
        with self._alone():
            if (place := self._went_to(name)) is not None and asked in (None, place):
                self._say(f"{place}: {name} went back there already")
                return place
            manifest = self.read(name)
            self._require_settled(name)
            target = asked or self.project / manifest.origin
            require_free(target, home=self.home)
            self._say(f"{self.home / name}: checking {manifest.size_bytes / _MIB:.1f} MiB")
            if found := self._faults(self.home / name):
                raise Damaged([f"{name}: {fault}" for fault in found])
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target.rmdir()
            self._note(move_out(self.home, manifest, target, keep=keep))
            self._renew_index()
        return target

    def verify(self, name: str | None = None) -> dict[str, list[str]]:
        """Read every byte of one run or of all; the faults by name, none where all is as it was archived."""
        with self._alone(reads_only=True):
            folders = entries(self.home) if name is None else {name: self._folder(name)}
            return {name: self._faults_or_why_not(folder) for name, folder in folders.items()}

    def recover(self) -> None:
        """Finish or undo what a kill interrupted, unless somebody works here."""
        try:
            with self._alone():
                pass
        except InputError as error:
            self._say(str(error))

    def names(self) -> list[str]:
        """The names of all archived runs."""
        return list(entries(self.home))

    def read(self, name: str) -> Manifest:
        """The manifest of an archived run."""
        try:
            return read_manifest(self._folder(name))
        except Damaged as error:
            raise Damaged([one_line(f"{name}: {fault}") for fault in error.faults]) from None

    def _manifest(self, place: Path, **given: Any) -> Manifest:
        """The manifest of a run, by what its folder shows and what is given."""
        tree = scan(place)
        refuse_links_out(place, tree)
        commit, versions = made_with(place)
        self._say(f"{place}: reading {tree.size_bytes / _MIB:.1f} MiB in {len(tree.files)} files")
        files = hashed(place, tree)
        if scan(place) != tree:
            raise InputError(f"{place}: changed while it was read; wait until its run has ended")
        require_whole_checkpoints(place, files)
        return Manifest(
            **given,
            archived_at=utc_now(),
            origin=(place.relative_to(self.project) if place.is_relative_to(self.project) else place).as_posix(),
            commit=commit,
            versions=versions,
            remote=None,
            directories=tree.directories,
            files=files,
            links=tree.links,
        )

    def _faults(self, folder: Path) -> list[str]:
        try:
            manifest = read_manifest(folder)
        except Damaged as error:
            return error.faults
        return [one_line(fault) for fault in [*faults(folder, manifest), *remote_faults(manifest)]]

    def _faults_or_why_not(self, folder: Path) -> list[str]:
        try:
            return self._faults(folder)
        except InputError as error:  # S3 is away, and the other runs lie here
            return [f"cannot be checked: {one_line(str(error))}"]

    def _folder(self, name: str) -> Path:
        known = entries(self.home)
        if name not in known:
            went = self._went_to(name)
            fact = f"went back to {went}" if went else "not in the archive"
            raise InputError(f"{name}: {fact}; there is: {', '.join(known) or 'nothing'}")
        return known[name]

    def _arrived(self, place: Path, name: str) -> Manifest | None:
        manifest = self.read(name) if name in entries(self.home) else None
        return manifest if manifest is not None and self.project / manifest.origin == place else None

    def _went_to(self, name: str) -> Path | None:
        """Where a run is that has left the archive, as long as it is still there."""
        record = restored(self.home)[0].get(name)
        place = self.project / record.restored_to if record else None
        return place if place is not None and place.exists() else None

    @contextmanager
    def _alone(self, *, reads_only: bool = False) -> Iterator[None]:
        """Let one process at a time work here; what a kill left half done is ended first.

        Who only reads goes on, with a line, where what lies in the place of the lock is no file.
        """
        lock = self.home / ".lock"
        if reads_only and lock.exists() and not lock.is_file():
            self._say(f"{lock}: not a file, in the place of a lock; remove it")
            yield
            return
        refusal = InputError(f"{self.home}: another process moves a run here; wait until it has ended")
        with ExitStack() as held:
            try:
                held.enter_context(ProcessLock(lock, in_use=lambda holder: refusal))
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EROFS, errno.EACCES):
                    raise
                yield  # no archive yet, or one that can only be read: nobody moves anything here
                return
            clear_strays(self.home)
            moves, unreadable = readable(journals(self.home), Move.read)
            for fault in unreadable:
                self._say(fault)
            for move in moves:
                try:
                    self._note(settle(move))
                except (InputError, Damaged, OSError) as error:  # S3 or a disk is away now, or the manifest is damaged
                    self._say(f"{move.journal}: an interrupted move of {move.name} cannot be ended yet: {error}")
            self._renew_index()
            yield

    def _renew_index(self) -> None:
        try:
            write_index(self.home)
        except InputError as error:  # the manifests say it all; a person's file waits for the person
            self._say(str(error))

    def _require_settled(self, name: str) -> None:
        if is_moving(self.home, name):
            place = self.home / name
            raise InputError(f"{place}: an interrupted move of it cannot be ended yet; the line above says why")

    def _note(self, note: str | None) -> None:
        if note is not None:
            self._say(note)
