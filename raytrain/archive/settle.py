"""An interrupted move in; the run whole at its old place or at its new one out, and nothing lying about."""

import json
from datetime import UTC, datetime
from pathlib import Path

from raytrain.archive.checksums import FILE_NAME, Manifest, faults
from raytrain.archive.copying import dress, let_write, remove_tree, rename, write_synced
from raytrain.archive.journal import Move
from raytrain.archive.s3 import RemoteFolder
from raytrain.archive.tree import scan

RESTORED = "restored"
"""The archive's folder for the records of runs that went back."""


def settle(move: Move) -> str | None:
    """Finish the move if it counts already, else undo it. Returns what a person should know of it, if anything."""
    note = None
    # The manifest goes to its final place, or goes, as the last thing of a move but one.
    if move.manifest_aside.exists():
        manifest = Manifest.parse(move.manifest_aside.read_text(encoding="utf-8"))
        if move.by == "rename":
            _settle_rename(move, manifest)
        elif move.direction == "add":
            note = _settle_copy_in(move, manifest)
        else:
            _settle_copy_out(move, manifest)
    move.forget()
    return note


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
    if not (archived.exists() and archived.read_text(encoding="utf-8") == manifest.render()):
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
    """The run is there, and it is ours: somebody else's folder of this name does not cost us the archived one."""
    if not place.is_dir():
        return False
    return scan(place) == manifest.tree() or not any(faults(place, manifest, archived=False))


def _remember(move: Move, manifest: Manifest) -> None:
    project = move.home.parent
    place = move.outside.relative_to(project) if move.outside.is_relative_to(project) else move.outside
    record = {
        "name": manifest.name,
        "kind": manifest.kind,
        "why": manifest.why,
        "archived_at": manifest.archived_at,
        "restored_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "restored_to": place.as_posix(),
    }
    (move.home / RESTORED).mkdir(exist_ok=True)
    write_synced(move.home / RESTORED / f"{manifest.name}.json", json.dumps(record, indent=2) + "\n")
