"""A folder in; what lies in it by relative path, the sha256 of a file, and a copy that is on disk, out."""

import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field

from raytrain.errors import InputError
from raytrain.files import sync_folder
from raytrain.files.s3 import RemoteFolder
from raytrain.terminal import printable

_CHUNK_BYTES = 4 * 2**20


Mode = Annotated[int, Field(ge=0, lt=0o10000)]
Moment = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""Nanoseconds since 1970, as file systems keep them."""


@dataclass(frozen=True, slots=True)
class Status:
    """A file's or folder's mode, time and size: what changes when it is written to, and what a move has to keep."""

    mode: Mode
    mtime_ns: Moment
    size: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class Tree:
    """A folder's content by relative path with `/`; `.` is the folder itself. Links are kept as links."""

    directories: dict[str, Status]
    files: dict[str, Status]
    links: dict[str, str]

    @property
    def size_bytes(self) -> int:
        return sum(file.size for file in self.files.values())


def plain(path: Path) -> Path:
    """The path made absolute and without `..`, with the links that it is named by."""
    return Path(os.path.normpath(path.absolute()))


def one_line(text: str) -> str:
    """A text with a path in it, in one line and of letters alone: line ends and bytes that are no UTF-8 are escaped."""
    return printable(text).replace("\n", "\\n")


def scan(folder: Path) -> Tree:
    """The folder's content; what cannot be read, and a pipe or a device, is refused."""
    found = Tree(directories={}, files={}, links={})
    _scan(folder, ".", found)
    return found


def refuse_links_out(folder: Path, tree: Tree) -> None:
    """Only a link that is relative and stays inside still means the same after the folder has moved."""
    for path, target in tree.links.items():
        if not _stays_inside(folder, path, target):
            raise InputError(
                f"{folder / path}: a link to {target}, outside the run; put the file in its place, or remove it"
            )


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
            with (source / path).open("rb") as read, (target / path).open("xb") as written:
                shutil.copyfileobj(read, written, _CHUNK_BYTES)
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
    """Let files be added to a run's folder and taken out, if it is read-only: its manifest has to."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not mode & stat.S_IWUSR:
        folder.chmod(mode | stat.S_IRWXU)


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


def _scan(folder: Path, relative: str, found: Tree) -> None:
    here = folder / relative
    try:
        entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        found.directories[relative] = _status(here.stat())
        for entry in entries:
            path = entry.name if relative == "." else f"{relative}/{entry.name}"
            if entry.is_symlink():
                found.links[path] = str(Path(entry.path).readlink())
            elif entry.is_dir():
                _scan(folder, path, found)
            elif entry.is_file():
                found.files[path] = _status(entry.stat(follow_symlinks=False))
            else:
                raise InputError(f"{entry.path}: neither a file, a folder nor a link; remove it, then archive")
    except OSError as error:
        raise InputError(f"{error.filename or here}: {error.strerror}; make it readable") from None


def _status(result: os.stat_result) -> Status:
    is_file = stat.S_ISREG(result.st_mode)
    return Status(stat.S_IMODE(result.st_mode), result.st_mtime_ns, result.st_size if is_file else 0)


def _stays_inside(folder: Path, path: str, target: str) -> bool:
    landed = PurePosixPath(os.path.normpath(PurePosixPath(path).parent / target))
    if landed.is_absolute() or landed.parts[:1] == ("..",):
        return False
    # Through another link a path can leave the folder though its text does not.
    return not (folder / path).exists() or (folder / path).resolve().is_relative_to(folder.resolve())


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        # Out of the page cache, so that the check that follows reads what the disk has.
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
