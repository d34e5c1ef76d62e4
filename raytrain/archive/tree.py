"""A folder in; what lies in it out: directories, files and links by relative path, and the sha256 of a file."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from raytrain.errors import InputError


@dataclass(frozen=True, slots=True)
class Status:
    """What tells without reading whether a file was written to, and what a move has to keep of it."""

    mode: int
    mtime_ns: int
    size: int = 0


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
    """Absolute and without `..`, yet through the links it is named by."""
    return Path(os.path.normpath(path.absolute()))


def printable(text: str) -> str:
    """A path as it can be printed and sent: the bytes of a name that are no UTF-8 as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


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


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make a rename or a new name survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(handle)


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
    if PurePosixPath(target).is_absolute():
        return False
    depth = len(PurePosixPath(path).parts) - 1
    for part in PurePosixPath(target).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    # Through another link a path can leave the folder though its text does not.
    return not (folder / path).exists() or (folder / path).resolve().is_relative_to(folder.resolve())
