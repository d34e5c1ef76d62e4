"""One folder into the archive or out of it. A kill at any byte leaves the place it left or the place it goes to whole.

A move has one moment at which it counts: a rename. Before it, undoing loses nothing; after it, the rest can be done by
anybody at any time. `settle` sees on which side of that moment a move is, and undoes or finishes it: it ends every
move here, and each command of the archive calls it for what a kill left behind.

By rename, on one file system:   journal, [folder -> its new place], manifest into or out of the archived folder.
By copy, to another or with S3:  journal, copy beside the new place, check of every byte, [copy -> the new place],
                                 old folder -> hidden name, removal of that.
"""

import errno
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from raytrain.archive.checksums import FILE_NAME, Manifest, faults, read_manifest_file
from raytrain.archive.journal import Gone, Move
from raytrain.archive.tree import copy_tree, dress, let_write, remove_tree, scan
from raytrain.config.constants import GIB
from raytrain.errors import Damaged, InputError
from raytrain.files import move as rename
from raytrain.files import write_text
from raytrain.files.s3 import RemoteFolder
from raytrain.results.records import utc_now

_SPARE_BYTES = 2**20


def move_in(home: Path, manifest: Manifest, source: Path) -> str | None:
    """Bring a run into the archive. Returns what a person should know of it, if anything."""
    way = _way(source, home, manifest)
    move = Move(home=home, name=manifest.name, direction="add", outside=source, by=way)
    _require_room(move, manifest)
    if manifest.remote is not None:
        RemoteFolder(manifest.remote).require_new()  # before the journal: undoing removes what lies there
    write_text(move.manifest_aside, manifest.render())
    return _run(move, manifest)


def move_out(home: Path, manifest: Manifest, target: Path, *, keep: bool) -> str | None:
    """Bring a run back into the world; with `keep`, a copy of it."""
    way: Literal["rename", "copy"] = "copy" if keep else _way(home / manifest.name, target.parent, manifest)
    move = Move(home=home, name=manifest.name, direction="restore", outside=target, by=way, keep=keep)
    _require_room(move, manifest)
    return _run(move, manifest)


def settle(move: Move) -> str | None:
    """Finish the move if it counts already, else undo it. Returns what a person should know of it, if anything."""
    note = None
    # The manifest goes to its final place, or goes, as the last thing of a move but one.
    if move.manifest_aside.exists():
        manifest = read_manifest_file(move.manifest_aside)
        if move.by == "rename":
            _settle_rename(move, manifest)
        elif move.direction == "add":
            note = _settle_copy_in(move, manifest)
        else:
            _settle_copy_out(move, manifest)
    move.forget()
    return note


def _run(move: Move, manifest: Manifest) -> str | None:
    carry = _carry_in if move.direction == "add" else _carry_out
    move.write()
    try:
        carry(move, manifest)
    except (OSError, InputError, Damaged) as error:
        settle(Move.read(move.journal))
        if isinstance(error, OSError):
            place = error.filename or move.arriving.parent  # a disk that is full names no file
            raise InputError(f"{place}: {error.strerror}; nothing was moved") from None
        raise
    return settle(Move.read(move.journal))


def _carry_in(move: Move, manifest: Manifest) -> None:
    if move.by == "rename":
        try:
            return rename(move.outside, move.entry)
        except OSError as error:
            _by_copy_instead(move, manifest, error)
    copy_tree(move.outside, move.arriving, manifest.tree(), files=manifest.local_files)
    if manifest.remote is not None:
        remote = RemoteFolder(manifest.remote)
        for path, file in manifest.remote_files.items():
            remote.put(path, move.outside / path)
            if remote.sha256_of(path) != file.sha256:
                raise Damaged([f"{manifest.remote}/{path}: S3 hands out other bytes than were sent; nothing was moved"])
    let_write(move.arriving)
    write_text(move.arriving / FILE_NAME, manifest.render())
    _require_whole(move, list(faults(move.arriving, manifest)))
    if scan(move.outside) != manifest.tree():
        raise InputError(f"{move.outside}: changed while it was copied; wait until its run has ended")
    return rename(move.arriving, move.entry)


def _carry_out(move: Move, manifest: Manifest) -> None:
    if move.by == "rename":
        try:
            let_write(move.entry)
            rename(move.entry / FILE_NAME, move.manifest_aside)
            return rename(move.entry, move.outside)
        except OSError as error:
            rename(move.manifest_aside, move.entry / FILE_NAME)
            _by_copy_instead(move, manifest, error)
    write_text(move.manifest_aside, manifest.render())
    remote = RemoteFolder(manifest.remote) if manifest.remote is not None else None
    copy_tree(move.entry, move.arriving, manifest.tree(), files=manifest.local_files, remote=remote)
    _require_whole(move, list(faults(move.arriving, manifest, archived=False)))
    return rename(move.arriving, move.outside)


def _way(source: Path, target_parent: Path, manifest: Manifest) -> Literal["rename", "copy"]:
    same = source.stat().st_dev == target_parent.stat().st_dev
    return "rename" if same and manifest.remote is None else "copy"


def _by_copy_instead(move: Move, manifest: Manifest, error: OSError) -> None:
    """Go on by copying: between two mounts of one file system, which have one device number, a rename is refused."""
    if error.errno != errno.EXDEV:
        raise error
    copying = replace(move, by="copy")
    _require_room(copying, manifest)
    copying.write()


def _require_room(move: Move, manifest: Manifest) -> None:
    """Refuse a copy that its file system cannot hold, and a place that something of ours would overwrite."""
    for place in (move.arriving, move.leaving):
        if place.exists():
            raise InputError(f"{place}: exists, from a move that nobody remembers; look into it, then remove it")
    if move.by == "rename":
        return
    files = manifest.local_files if move.direction == "add" else manifest.files
    needed = sum(file.size for file in files.values()) + _SPARE_BYTES
    free = shutil.disk_usage(move.arriving.parent).free
    if needed > free:
        raise InputError(
            f"{move.arriving.parent}: no space: {_size(needed)} are needed and {_size(free)} are free; "
            "make room, or put large files on S3 with --to s3://bucket/prefix"
        )


def _require_whole(move: Move, found: list[str]) -> None:
    if found:
        raise Damaged([f"{move.arriving}: the copy is not whole, nothing was moved: {fault}" for fault in found])


def _size(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.1f} GiB" if size_bytes >= GIB else f"{size_bytes / 2**20:.1f} MiB"


def _settle_rename(move: Move, manifest: Manifest) -> None:
    if move.entry.exists():  # it has arrived, or has not left
        let_write(move.entry)
        rename(move.manifest_aside, move.entry / FILE_NAME)
    elif move.direction == "restore":
        if move.outside.exists():
            dress(move.outside, manifest.directories["."])
        _remember(move, manifest)


def _settle_copy_in(move: Move, manifest: Manifest) -> str | None:
    archived = move.entry / FILE_NAME
    if not (archived.exists() and archived.read_bytes() == move.manifest_aside.read_bytes()):
        remove_tree(move.arriving)
        if manifest.remote is not None:
            RemoteFolder(manifest.remote).delete(sorted(manifest.remote_files))
        return None
    if move.outside.exists() and not move.leaving.exists():
        if scan(move.outside) != manifest.tree():
            return f"{move.outside}: changed since {move.entry} was made of it, so both stay; remove it, or add it anew"
        rename(move.outside, move.leaving)
    remove_tree(move.leaving)
    return None


def _settle_copy_out(move: Move, manifest: Manifest) -> None:
    if move.entry.exists():  # it has not left
        if not _has_arrived(move.outside, manifest):
            remove_tree(move.arriving)
            return
        if move.keep:
            return
        rename(move.entry, move.leaving)
    remove_tree(move.leaving)
    if manifest.remote is not None:
        RemoteFolder(manifest.remote).delete(sorted(manifest.remote_files))
    _remember(move, manifest)


def _has_arrived(place: Path, manifest: Manifest) -> bool:
    """Whether the folder is this run: somebody else's folder of this name must not cost us the archived one."""
    if not place.is_dir():
        return False
    return scan(place) == manifest.tree() or not any(faults(place, manifest, archived=False))


def _remember(move: Move, manifest: Manifest) -> None:
    project = move.home.parent
    place = move.outside.relative_to(project) if move.outside.is_relative_to(project) else move.outside
    record = Gone(
        name=manifest.name,
        kind=manifest.kind,
        why=manifest.why,
        archived_at=manifest.archived_at,
        restored_at=utc_now(),
        restored_to=place.as_posix(),
    )
    # Escaped: a folder's name may be no UTF-8.
    write_text(move.record, json.dumps(asdict(record), indent=2) + "\n")
