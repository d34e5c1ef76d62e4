"""Where a run keeps its files: a storage and the parts of a name in; a new folder that sorts by date out."""

import difflib
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

from raytrain.errors import InputError, Meant
from raytrain.files import make_folder, sync_folder

_DATE = r"^\d{4}-\d{2}-\d{2}_"


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


def meant_run(typed: str) -> Meant | None:
    """The run in results/ that a folder which is not there probably meant."""
    name, home = Path(typed).name, Path("results")
    try:
        there = sorted(folder.name for folder in home.iterdir() if folder.is_dir())
    except OSError:
        return None
    near = [name] if name in there else difflib.get_close_matches(name, there, n=1)
    return ((typed,), (str(home / near[0]),)) if near else None


def name_of(config: Path) -> str:
    """What a fit is called: after its file and, where that is a study's, after the study."""
    study = next((folder for folder in config.absolute().parents[:2] if (folder / "study.json").is_file()), None)
    if study is None:
        return config.stem
    return f"{re.sub(_DATE, '', study.name)}_{config.stem}"


def safe_name(part: str) -> str:
    """A name as one piece of a folder's name: no separators, no spaces, never hidden."""
    kept = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in part)
    return kept.strip("-.") or "run"
