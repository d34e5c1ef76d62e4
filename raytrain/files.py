"""Files that are whole or not there: values and text in, written in one move; JSON out."""

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from raytrain.errors import InputError


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


def finite(value: Any) -> Any:
    """The same tree with every float that is not finite replaced by None, since JSON has no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
