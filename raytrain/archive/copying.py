"""Bytes from one place to another, on disk before they count: files with times and modes, folders, small texts."""

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from raytrain.archive.s3 import RemoteFolder
from raytrain.archive.tree import Status, Tree, sync_folder

_CHUNK_BYTES = 4 * 2**20


def copy_tree(
    source: Path, target: Path, tree: Tree, *, files: Iterable[str], remote: RemoteFolder | None = None
) -> None:
    """Make `target` with the tree's folders, its links and these of its files; the others come from S3 where given."""
    folders = sorted(tree.directories, key=lambda path: (path != ".", path))
    here = set(files)
    for path in folders:
        (target / path).mkdir(mode=stat.S_IRWXU)
    for path, link in tree.links.items():
        (target / path).symlink_to(link)
    for path, status in tree.files.items():
        if path in here:
            _copy_file(source / path, target / path)
        elif remote is not None:
            remote.get(path, target / path)
        else:
            continue
        dress(target / path, status)
        _to_disk(target / path)
    # Deepest first: what is written into a folder moves its time, and a folder may be read-only.
    for path in reversed(folders):
        sync_folder(target / path)
        dress(target / path, tree.directories[path])


def dress(path: Path, status: Status) -> None:
    """Give a file or folder the mode and the time it had."""
    path.chmod(status.mode)
    os.utime(path, ns=(status.mtime_ns, status.mtime_ns))


def let_write(folder: Path) -> None:
    """A run's read-only folder has to take its manifest, and to give it back."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not mode & stat.S_IWUSR:
        folder.chmod(mode | stat.S_IRWXU)


def put(path: Path, text: str) -> None:
    """A small file in a folder that nobody sees yet."""
    let_write(path.parent)
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def write_synced(path: Path, text: str) -> None:
    """A small file, under its name whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    put(temporary, text)
    rename(temporary, path)


def rename(source: Path, target: Path) -> None:
    """One move within a file system, on disk when it returns."""
    source.rename(target)
    for folder in {target.parent, source.parent}:
        sync_folder(folder)


def remove_tree(folder: Path) -> None:
    """Remove what is left of a folder, read-only folders in it too; nothing left is no error."""
    if not folder.exists():
        return
    folder.chmod(stat.S_IRWXU)
    for here, below, _ in os.walk(folder):
        for name in below:
            path = Path(here, name)
            if not path.is_symlink():
                path.chmod(stat.S_IRWXU)
    shutil.rmtree(folder)
    sync_folder(folder.parent)


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("xb") as written:
        while chunk := read.read(_CHUNK_BYTES):
            written.write(chunk)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        # Out of the page cache, so that the check that follows reads what the disk has.
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
