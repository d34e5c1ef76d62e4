"""Where an export appears: whole under its name, or not at all."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raytrain.config.constants import GIB
from raytrain.errors import InputError

_SPARE_BYTES = 16 * 2**20
"""For tokenizers, texts and a zip's directory."""


def require_free(target: Path) -> None:
    """The target must be new, or an empty folder."""
    if target.is_dir() and not target.is_symlink():
        if any(target.iterdir()):
            raise InputError(f"--to {target}: is not empty; name a new folder")
    elif target.exists() or target.is_symlink():
        raise InputError(f"--to {target}: is a file; name a new folder")


def require_space(target: Path, *, needed_bytes: int) -> None:
    """Told before the work, not after it."""
    there = next(folder for folder in (target, *target.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if needed_bytes + _SPARE_BYTES > free:
        raise InputError(
            f"--to {target}: needs {needed_bytes / GIB:.1f} GiB while it is made, and {there} has {free / GIB:.1f} GiB "
            f"free; make room, or name a folder on another disk"
        )


@contextmanager
def placed(target: Path) -> Iterator[Path]:
    """A folder to make things in, beside the target; what is then in its `made` becomes the target."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
            made = Path(scratch, "made")
            made.mkdir()
            yield Path(scratch)
            require_free(target)  # again: the work took a while
            made.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise InputError(f"--to {target}: {error.strerror}; nothing was kept; name another folder") from None
        raise
