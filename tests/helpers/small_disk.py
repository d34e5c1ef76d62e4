"""A real disk of a given size, in memory, that only one forked process sees: work in, what it said of it out."""

import ctypes
import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_NEW_NAMESPACE, _NEW_USER = 0x00020000, 0x10000000
_REMOUNT, _PRIVATE, _RECURSIVE = 32, 1 << 18, 1 << 14
_NO_MOUNTS = 77
PAGE = os.sysconf("SC_PAGE_SIZE")


def on_a_disk(folder: Path, work: Callable[[Callable[[], None]], Any], *, pages: int, names: int = 0) -> Any:
    """Do the work in a forked process that sees a new disk at `folder`, and return what it returned, through JSON.

    The disk holds so many pages of 4 KiB, and so many files and folders if `names` is given. `work` is called with a
    function that makes room. Skips the test where this machine lets nobody mount.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_in_child(folder, work, writing, f"size={pages * PAGE},nr_inodes={names}"))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == _NO_MOUNTS:
        pytest.skip("this machine lets nobody mount a disk of their own")
    assert status == 0, said.decode()
    return json.loads(said)


def _in_child(folder: Path, work: Callable[[Callable[[], None]], Any], writing: int, size: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NAMESPACE) != 0 and libc.unshare(_NEW_NAMESPACE | _NEW_USER) != 0:
        return _NO_MOUNTS
    libc.mount(None, b"/", None, _PRIVATE | _RECURSIVE, None)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, size.encode()) != 0:
        return _NO_MOUNTS

    def make_room() -> None:
        assert libc.mount(None, os.fsencode(folder), None, _REMOUNT, b"size=1g,nr_inodes=0") == 0

    status = 1
    try:
        said = json.dumps(work(make_room))
        status = 0
    except BaseException:  # noqa: BLE001 - nobody above may go on in this process
        said = traceback.format_exc()
    os.write(writing, said.encode())
    return status
