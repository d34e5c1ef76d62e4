"""Every state in which a kill or a power cut may leave a disk: work in; what stood there before each change, out.

The work is done once. Before each call of it that changes a file the folders are looked at; each state that differs
from the one before is a crash point, and gives three images, or one where they are alike:

    kept     all that was written is there: the process was killed, the machine goes on.
    dropped  only what was synced is there: a file's bytes as of its own sync, a name as of its folder's.
    torn     every name is there and of what was not synced half: the disk wrote in an order of its own.

A rename is taken as one: once either folder is synced, both sides of it are there. `lay` makes the disk an image of
it, and whoever goes on from there is a process that starts after the crash. What libraries write from C (SQLite,
Arrow, torch) is seen as it stands at the next change, and counts as synced only where raytrain itself syncs it.
"""

import os
import random
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import pytest

# C functions by name: what may change a file, or end a change that was begun.
CHANGES = {
    "chmod", "close", "commit", "copy_file_range", "execute", "flush", "ftruncate", "mkdir", "open", "remove", "rename",
    "replace", "rmdir", "sendfile", "symlink", "truncate", "unlink", "utime", "write", "writelines",
}  # fmt: skip
Kind = Literal["kept", "dropped", "torn"]
Inode = tuple[int, int]
"""A device, and the number of a thing on it."""


@dataclass(frozen=True)
class Node:
    """A file's bytes, a link's target, or a folder's nothing, with its mode and time."""

    content: bytes | str | None
    mode: int
    mtime_ns: int


@dataclass(frozen=True)
class Image:
    """A disk after a crash."""

    point: int
    before: str
    """The call that the crash came before."""
    kind: Kind
    nodes: dict[Path, Node]
    promised: Any
    """What the work had said was done by then."""

    def __str__(self) -> str:
        return f"point {self.point}, before {self.before}, {self.kind}"


@dataclass
class Disk:
    """Folders that are watched, and what of them is synced."""

    roots: tuple[Path, ...]
    points: int = 0
    images: list[Image] = field(default_factory=list)
    _seen: dict[Inode, Node] = field(default_factory=dict)
    """By inode, each thing as it was last seen."""
    _names: dict[Inode, dict[str, Inode]] = field(default_factory=dict)
    """By folder, the names in it."""
    _stamps: dict[Inode, tuple[int, int, int]] = field(default_factory=dict)
    _synced: dict[Inode, bytes] = field(default_factory=dict)
    _synced_names: dict[Inode, dict[str, Inode]] = field(default_factory=dict)
    _held: dict[Inode, int] = field(default_factory=dict)
    """Open handles: an inode that is held is not given to another file."""
    _last: tuple[Any, ...] = ()

    def record(self, work: Callable[[], Any], *, promised: Callable[[], Any] = lambda: None) -> None:
        """Do the work and keep an image of each kind before each of its changes, and one after the last."""
        self._look()
        self._synced_names = {folder: dict(names) for folder, names in self._names.items()}
        self._synced = {inode: one.content for inode, one in self._seen.items() if isinstance(one.content, bytes)}

        def before(frame: FrameType, event: str, function: Any) -> None:
            if event == "c_call" and function.__name__ in CHANGES:
                self._keep(function.__name__, promised())

        real = os.fsync
        os.fsync = self._sync
        sys.setprofile(before)
        try:
            work()
        finally:
            sys.setprofile(None)
            os.fsync = real
        self._keep("the end", promised())
        for handle in self._held.values():
            os.close(handle)

    def lay(self, image: Image) -> None:
        """Make the folders what the image holds, and nothing else."""
        for root in self.roots:
            clear(root)
        deepest_last = sorted(image.nodes.items(), key=lambda item: len(item[0].parts))
        for path, node in deepest_last:
            if isinstance(node.content, bytes):
                path.write_bytes(node.content)
            elif node.content is None:
                path.mkdir(exist_ok=True)
            else:
                path.symlink_to(node.content)
        for path, node in reversed(deepest_last):
            if not isinstance(node.content, str):
                path.chmod(node.mode)
                os.utime(path, ns=(node.mtime_ns, node.mtime_ns))

    def _keep(self, name: str, promised: Any) -> None:
        self._look()
        state = (self._seen_now(), self._names, self._synced, self._synced_names)
        if state == self._last:
            return
        self._last = (state[0], dict(self._names), dict(self._synced), dict(self._synced_names))
        self.points += 1
        for kind, names, content in (
            ("kept", self._names, self._written),
            ("dropped", self._synced_names, lambda inode: self._synced.get(inode, b"")),
            ("torn", self._names, self._torn),
        ):
            nodes = dict(self._nodes(names, content))
            if not any(nodes == one.nodes and promised == one.promised for one in self.images[-2:]):
                self.images.append(Image(self.points, name, kind, nodes, promised))  # type: ignore[arg-type]

    def _seen_now(self) -> dict[Inode, Node]:
        alive = {inode for names in self._names.values() for inode in names.values()}
        return {inode: self._seen[inode] for inode in alive}

    def _nodes(
        self, names: dict[Inode, dict[str, Inode]], content: Callable[[Inode], bytes]
    ) -> Iterator[tuple[Path, Node]]:
        for root in self.roots:
            yield from self._below(root, _inode(root.stat()), names, content)

    def _below(
        self, folder: Path, inode: Inode, names: dict[Inode, dict[str, Inode]], content: Callable[[Inode], bytes]
    ) -> Iterator[tuple[Path, Node]]:
        yield folder, self._seen[inode]
        for name, child in names.get(inode, {}).items():
            node = self._seen[child]
            if node.content is None:
                yield from self._below(folder / name, child, names, content)
            elif isinstance(node.content, bytes):
                yield folder / name, Node(content(child), node.mode, node.mtime_ns)
            else:
                yield folder / name, node

    def _written(self, inode: Inode) -> bytes:
        content = self._seen[inode].content
        assert isinstance(content, bytes)
        return content

    def _torn(self, inode: Inode) -> bytes:
        written, synced = self._written(inode), self._synced.get(inode, b"")
        kept = len(synced) if written.startswith(synced) else 0
        return written[: kept + (len(written) - kept) // 2]

    def _sync(self, handle: Any) -> None:
        """In the place of os.fsync: what is synced from now on is kept by every image."""
        number = handle if isinstance(handle, int) else handle.fileno()
        self._look()
        inode = _inode(os.fstat(number))
        if inode in self._names:
            self._sync_names(inode)
        elif inode in self._seen:
            self._synced[inode] = self._written(inode)

    def _sync_names(self, folder: Inode) -> None:
        known, now = self._synced_names.get(folder, {}), self._names[folder]
        moved = set(known.values()) ^ set(now.values())
        self._synced_names[folder] = dict(now)
        for other in self._names.keys() | self._synced_names.keys():
            if other == folder:
                continue
            theirs, there = self._synced_names.get(other, {}), self._names.get(other, {})
            kept = {name: inode for name, inode in theirs.items() if inode not in moved}
            came = {name: inode for name, inode in there.items() if inode in moved and inode in known.values()}
            if kept != theirs or came:
                self._synced_names[other] = kept | came

    def _look(self) -> None:
        """Take in what is there now; a file is read only where it has changed."""
        self._names = {}
        for root in self.roots:
            if root.exists():
                self._see(root)

    def _see(self, path: Path) -> Inode:
        status = path.lstat()
        inode = _inode(status)
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size)
        if self._stamps.get(inode) != stamp:
            self._stamps[inode] = stamp
            self._seen[inode] = Node(_content(path, status), stat.S_IMODE(status.st_mode), status.st_mtime_ns)
            if inode not in self._held:
                self._held[inode] = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        if stat.S_ISDIR(status.st_mode):
            self._names[inode] = {}
            self._names[inode] = {entry.name: self._see(Path(entry.path)) for entry in os.scandir(path)}
        return inode


def after_each(disk: Disk, images: list[Image], check: Callable[[Image], list[str]]) -> list[str]:
    """Lay each image and check what is made of it: each fault, with the image that shows it."""
    found = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda handle: None)  # a check needs no disk: only the time would be spent
        for image in images:
            disk.lay(image)
            try:
                faults = check(image)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what a person would see
                faults = [f"{type(error).__name__}: {error}"]
            found += [f"{image}: {fault}" for fault in faults]
    return found


def some_of(images: list[Image], *, count: int) -> list[Image]:
    """So many of them, at random and always the same, and those after the last change."""
    return random.Random(0).sample(images[:-3], min(count, len(images)) - 3) + images[-3:]


def distinct(images: list[Image], *, by: Callable[[Path], bool]) -> list[Image]:
    """The images that differ in these of their paths, or in what was promised: the first of each that are alike."""
    found: dict[Any, Image] = {}
    for image in images:
        kept = frozenset((path, node.content) for path, node in image.nodes.items() if by(path))
        found.setdefault((kept, image.promised), image)
    return list(found.values())


def clear(root: Path) -> None:
    """Empty a folder, read-only folders in it too."""
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)
    for here, below, _ in os.walk(root):
        for name in below:
            if not Path(here, name).is_symlink():
                Path(here, name).chmod(0o700)
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _inode(status: os.stat_result) -> Inode:
    return status.st_dev, status.st_ino


def _content(path: Path, status: os.stat_result) -> bytes | str | None:
    if stat.S_ISLNK(status.st_mode):
        return str(path.readlink())
    return path.read_bytes() if stat.S_ISREG(status.st_mode) else None
