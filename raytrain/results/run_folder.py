"""Where a run keeps its files: a storage and the parts of a name in; a new folder that sorts by date out."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

from raytrain.errors import InputError
from raytrain.files import make_folder, sync_folder


def new_run_folder(
    storage: str | Path,
    parts: list[str],
    *,
    today: date | None = None,
    is_taken: Callable[[str], bool] = lambda name: False,
) -> Path:
    """Make and return `<storage>/<date>_<part>_<part>`, with -2, -3, ... behind it where the name is taken, here or
    as `is_taken` says."""
    home = Path(storage)
    name = "_".join([(today or date.today()).isoformat(), *(safe_name(part) for part in parts)])
    try:
        make_folder(home)
        number = 1
        while True:
            folder = home / (name if number == 1 else f"{name}-{number}")
            if is_taken(folder.name):
                number += 1
                continue
            try:
                # mkdir is atomic: of two studies started at once, each gets a folder of its own.
                folder.mkdir()
                sync_folder(home)
                return folder
            except FileExistsError:
                number += 1
    except OSError as error:
        raise InputError(
            f"storage: {home}: {error.strerror}; name a folder that can be written to: storage=PATH"
        ) from None


def without_date(name: str) -> str:
    """A run folder's name without the day it was made on."""
    return re.sub(r"^\d{4}-\d{2}-\d{2}_", "", name)


def safe_name(part: str) -> str:
    """A name as one piece of a folder's name: no separators, no spaces, never hidden."""
    kept = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in part)
    return kept.strip("-.") or "run"
