"""Where an export appears: whole under its name, or not at all."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raytrain.config.constants import GIB
from raytrain.errors import InputError
from raytrain.files import is_disk_fault, whole_folder

_SPARE_BYTES = 16 * 2**20
"""Room for tokenizers, texts and a zip's directory."""


def require_free(target: Path) -> None:
    """Refuse a target that is neither new nor an empty folder."""
    if target.is_dir() and not target.is_symlink():
        if any(target.iterdir()):
            raise InputError(f"--to {target}: is not empty; name a new folder")
    elif target.exists() or target.is_symlink():
        raise InputError(f"--to {target}: is a file; name a new folder")


def require_space(target: Path, *, needed_bytes: int) -> None:
    """Refuse a disk that is too small before the work, not after it."""
    there = next(folder for folder in (target, *target.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if needed_bytes + _SPARE_BYTES > free:
        raise InputError(
            f"--to {target}: needs {needed_bytes / GIB:.1f} GiB while it is made, and {there} has {free / GIB:.1f} GiB "
            f"free; make room, or name a folder on another disk"
        )


@contextmanager
def placed(target: Path) -> Iterator[Path]:
    """Yield the folder to build the export in; see `whole_folder`. What a disk refuses is one line."""
    try:
        with whole_folder(target) as built:
            yield built
            require_free(target)  # again: the work took a while
    except OSError as error:
        if not is_disk_fault(error) and error.errno != errno.ENOTDIR:
            raise
        raise InputError(f"--to {target}: {error.strerror}; nothing was kept; name another folder") from None
