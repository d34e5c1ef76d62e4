"""JSON that somebody may have edited, cut or damaged in; a value of the type that is wanted, or one clear line, out."""

import json
import stat
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from raytrain.errors import InputError

Kind = TypeVar("Kind")
MOST_JSON_BYTES = 2**28
"""Of a file that is read at once; what grows without end is read line by line."""
_SHOWN_LETTERS = 40


def read_as(path: Path, kind: type[Kind], *, way_out: str = "restore the file from a copy") -> Kind:
    """A file's JSON as a dataclass, a pydantic model or any other type; InputError names the file, the key, the fact.

    `kind` may be a generic such as dict[str, float]. Types are strict: the text "3" is no number, 3 is a float.
    """
    return as_kind(read_value(path, way_out=way_out), kind, place=str(path), way_out=way_out)


def read_value(path: Path, *, way_out: str = "restore the file from a copy") -> Any:
    """A file's JSON as plain values; InputError where there is no such file, or it is not JSON."""
    try:
        size = require_file(path)
        if size > MOST_JSON_BYTES:
            raise InputError(f"{path}: {size:,} bytes, far more than such a file has; {way_out}")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; {way_out}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; make it a file that can be read") from None
    return parse_json(raw, place=str(path), way_out=way_out)


def require_file(path: Path) -> int:
    """A file's size in bytes. What is there and no file is refused: a pipe would keep its reader waiting."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise InputError(f"{path}: {what}, in the place of a file; remove it")
    return status.st_size


def parse_json(raw: bytes | str, *, place: str, way_out: str) -> Any:
    """The value of a JSON text; InputError at `place` for anything else, however deep or long it is."""
    try:
        return json.loads(raw)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        fact = f"{error.msg}, {where}"
    except UnicodeDecodeError:
        fact = "not UTF-8"
    except RecursionError:
        fact = "nested too deeply"
    except ValueError:  # Python turns no more than 4,300 digits into a number
        fact = "a number of thousands of digits"
    raise InputError(f"{place}: not JSON ({fact}); {way_out}") from None


def as_kind(
    values: Any,
    kind: type[Kind],
    *,
    place: str,
    way_out: str,
    extra: Literal["allow", "ignore", "forbid"] | None = None,
) -> Kind:
    """Plain values as a value of this type; InputError at `place` with the first key that is not as it must be.

    `extra` says what becomes of keys that the type does not know, where the type itself should not decide it.
    """
    try:
        # By way of JSON, in which lists are tuples and texts enums; what is not finite is null there.
        hashable: Any = kind
        as_json = pydantic_core.to_json(values, inf_nan_mode="null")
        value: Kind = _adapter(hashable).validate_json(as_json, strict=True, extra=extra)
        return value
    except ValidationError as error:
        raise InputError(f"{place}: {_fact(error)}; {way_out}") from None
    except ValueError:  # JSON can spell half a surrogate pair, and UTF-8 cannot
        raise InputError(f"{place}: a text that is not Unicode; {way_out}") from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _fact(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be").replace("Field", "is")
    missing = first["type"] in ("missing", "missing_argument")
    said = "missing" if missing else message if first["type"] == "value_error" else f"{message}, got {_shown(first)}"
    return f"{key}: {said}" if key else said


def _shown(details: Any) -> str:
    text = repr(details["input"])
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…"
