"""A file of the archive's own in, whose paths may be no UTF-8; its values, with the types they must have, out."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from raytrain.errors import InputError
from raytrain.files import as_kind, read_value

Kept = TypeVar("Kept")
_MOST_BYTES = 2**28
_WAY_OUT = "restore the file from a copy"


def text_of(path: Path) -> str:
    """A file's text. FileNotFoundError; InputError with the bare fact, for the caller to say what it means."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for somebody to write to it
            raise InputError("not a file")
        if status.st_size > _MOST_BYTES:
            raise InputError(f"{status.st_size:,} bytes, far more than such a file has")
        return path.read_bytes().decode("utf-8")  # as text, other line ends would be taken for the same
    except FileNotFoundError:
        raise
    except UnicodeDecodeError:
        raise InputError("not UTF-8") from None
    except OSError as error:
        raise InputError(f"{error.strerror}") from None


def read_kept(path: Path, kind: type[Any]) -> dict[str, Any]:
    """The file's values by key, as `kind` has them; InputError names the file, the key and the fact."""
    values = read_value(path, way_out=_WAY_OUT)
    require_kind(values, kind, place=str(path), way_out=_WAY_OUT)
    return {key: value for key, value in values.items() if key in kind.__annotations__}


def require_kind(values: Any, kind: type[Any], *, place: str, way_out: str) -> None:
    """Refuse values that are not of this type. Python spells a byte that is no UTF-8 as half a letter: allowed here."""
    as_kind(_spelled(values), kind, place=place, way_out=way_out)


def readable(paths: list[Path], read: Callable[[Path], Kept]) -> tuple[list[Kept], list[str]]:
    """What could be read of these files, and a line for each of the others: one bad file holds nobody up."""
    found, faults = [], []
    for path in paths:
        try:
            found.append(read(path))
        except InputError as error:
            faults.append(str(error))
    return found, faults


def _spelled(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_spelled(key): _spelled(item) for key, item in value.items()}
    return [_spelled(item) for item in value] if isinstance(value, list) else value
