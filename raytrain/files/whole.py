"""Text, values and whole folders in; files and folders that are whole under their names, or not there at all, out."""

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from raytrain.files.values import finite


def write_json(path: Path, value: Any) -> None:
    """Replace a file by this value in one move; a number that is not finite is written as null."""
    write_text(path, json.dumps(finite(value), ensure_ascii=False, allow_nan=False, indent=2) + "\n")


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a file by this text in one move; a kill leaves the old file or the new one, never half of either.

    A disk that does not take it is reported by the file's own name. Without `durable` a power cut may lose the text.
    """
    try:
        make_folder(path.parent)
        _write(path, text, durable=durable)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def whole_folder(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a new folder to build in; when the block ends it becomes `target`, new or empty so far, in one move.

    Its parent is a scratch folder beside `target`, which goes away with all else in it. A failure leaves nothing.
    Without `durable` a power cut may leave less than all of it.
    """
    make_folder(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        built = Path(scratch, "built")
        built.mkdir()
        yield built
        if durable:
            sync_tree(built)
            move(built, target)
        else:
            built.rename(target)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing; their names are on disk when this returns."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def move(source: Path, target: Path) -> None:
    """Rename within one file system; the new name is on disk when this returns."""
    source.rename(target)
    for folder in {target.parent, source.parent}:
        sync_folder(folder)


def sync_tree(folder: Path, *, below: Path | None = None) -> None:
    """Bring a folder with all that is in it to disk; with the names of those above it, as far as `below`, if given."""
    for here, _, names in os.walk(folder):
        for name in names:
            sync_file(Path(here, name))
        sync_folder(Path(here))
    for above in folder.parents if below is not None else ():
        sync_folder(above)
        if above == below:
            return


def sync_file(path: Path) -> None:
    """Bring a file's bytes to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to disk: a new file or a rename survives a power cut only once they are there."""
    try:
        sync_file(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise


def _write(path: Path, text: str, *, durable: bool) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        # mkstemp makes files that only their owner can read; a result is for everybody who may read the folder.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
