"""Where a run keeps its files: a new folder with a name that sorts by date, and JSON written whole or not at all."""

import json
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.results.records import finite


def new_run_folder(storage: str | Path, parts: list[str], *, today: date | None = None) -> Path:
    """Make and return `<storage>/<date>_<part>_<part>`, with -2, -3, ... behind it where the name is taken.

    A bucket holds checkpoints only; the small files of its runs stay in `results/`.
    """
    home = Path("results") if "://" in str(storage) else Path(storage)
    name = "_".join([(today or date.today()).isoformat(), *(_safe(part) for part in parts)])
    try:
        home.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            folder = home / (name if number == 1 else f"{name}-{number}")
            try:
                # mkdir is atomic: of two studies started at once, each gets a folder of its own.
                folder.mkdir()
                return folder
            except FileExistsError:
                number += 1
    except OSError as error:
        raise InputError(
            f"storage: {home}: {error.strerror}; name a folder that can be written to: storage=PATH"
        ) from None


def write_json(path: Path, value: Any) -> None:
    """Replace a file by this value in one move; a kill leaves the old file or the new one, never half of either."""
    write_text(path, json.dumps(finite(value), ensure_ascii=False, allow_nan=False, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Replace a file by this text in one move. A disk that does not take it is told by the file's own name."""
    try:
        _write_text(path, text)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def read_json(path: Path) -> Any:
    """A file's value; one that is missing or is no JSON is the person's to mend."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; name the folder of a study or a fit") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not JSON ({error}); restore the file, or start anew in another folder") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; make it a file that can be read") from None


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner can read; a result is for everybody who may read the folder.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _safe(part: str) -> str:
    """A name as one piece of a folder's name: no separators, no spaces, never hidden."""
    kept = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in part)
    return kept.strip("-.") or "run"
