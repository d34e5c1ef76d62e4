"""JSON that lists utterances, a line each or as one document: a file in; its columns and rows out."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.files import parse_json
from raytrain.speech.imports.encodings import encoding_of
from raytrain.speech.imports.source import Row
from raytrain.speech.problems import Kind, UnusableError

_MOST_DOCUMENT_BYTES = 2**29
"""Of one document, which is in memory as a whole; JSON lines may be of any size."""
_LOOKED_AT_ROWS = 1_000
KEY_COLUMN = "(key)"
"""The column of an object's keys, where a document is an object of objects."""
_WAY_OUT = "write one JSON object a line, or one array of objects"


@dataclass(frozen=True)
class JsonTable:
    """JSON lines, or one array or object."""

    path: Path

    @property
    def name(self) -> str:
        return "JSON lines" if self._is_lines else "JSON document"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every key of the first thousand rows."""
        return tuple(dict.fromkeys(key for row in islice(self.rows(), _LOOKED_AT_ROWS) for key in row.values))

    @cached_property
    def num_rows(self) -> int:
        return sum(1 for _ in self.rows())

    def rows(self) -> Iterator[Row]:
        """All rows; in lines, what is no JSON object is at fault."""
        if not self._is_lines:
            yield from self._document
            return
        for number, line in self._lines():
            try:
                values = json.loads(line)
                if not isinstance(values, dict):
                    raise UnusableError(Kind.BAD_JSON, f"an object is wanted, this is a {type(values).__name__}")
                yield _row(number, values)
            except UnusableError as fault:
                yield Row(number, {}, fault=fault)
            except (ValueError, RecursionError) as error:
                yield Row(number, {}, fault=UnusableError(Kind.BAD_JSON, f"not a JSON object: {error}"))

    @cached_property
    def _is_lines(self) -> bool:
        """Whether there is an object in one of the first two lines, and not all utterances in the only one."""
        lines = [line for _, line in islice(self._lines(), 2)]
        objects = [_object_in(line) for line in lines]
        if len(lines) == 1 and objects[0]:
            holds_texts = any(isinstance(value, str) for value in objects[0].values())
            return holds_texts or _rows_of(objects[0]) is None
        return any(found is not None for found in objects) and not lines[0].startswith("[")

    def _lines(self) -> Iterator[tuple[int, str]]:
        try:
            with self.path.open(encoding=encoding_of(self.path), newline="\n") as file:
                for number, line in enumerate(file, start=1):
                    # Files that were joined have marks of byte order at any line's begin, or after the last.
                    if bare := line.strip("\ufeff \t\r\n"):
                        yield number, bare
        except UnicodeDecodeError as error:
            raise InputError(f"{self.path}: not UTF-8 ({error.reason}); write it as UTF-8") from None

    @cached_property
    def _document(self) -> list[Row]:
        size = self.path.stat().st_size
        if size > _MOST_DOCUMENT_BYTES:
            message = f"{size:,} bytes in one JSON document, and it is read as a whole; write one object a line"
            raise InputError(f"{self.path}: {message}")
        text = "\n".join(line for _, line in self._lines())
        rows = _rows_of(parse_json(text, place=str(self.path), way_out=_WAY_OUT))
        if rows is None:
            raise InputError(f"{self.path}: JSON in which no list of utterances is found; {_WAY_OUT}")
        return [_row(number, values) for number, values in enumerate(rows, start=1)]


def _object_in(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _rows_of(document: Any) -> list[dict[str, Any]] | None:
    """The utterances of an array; of an object that holds one; of columns; of objects by their ids."""
    if _is_list_of_objects(document):
        return list(document)
    if not isinstance(document, dict) or not document:
        return None
    arrays = [value for value in document.values() if _is_list_of_objects(value)]
    if len(arrays) == 1:
        return list(arrays[0])
    values = list(document.values())
    if all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        return [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
    if all(isinstance(value, dict) for value in values):
        return [{KEY_COLUMN: key, **value} for key, value in document.items()]
    return None


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _row(number: int, values: dict[str, Any]) -> Row:
    """A row without NaN, as pandas writes what is missing; at fault where a text holds half a letter.

    JSON can spell half a surrogate pair (\\ud800), which no file can hold.
    """
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return Row(number, {}, fault=UnusableError(Kind.BAD_UTF8, f"not Unicode: {error.reason}"))
    return Row(
        number, {key: None if isinstance(one, float) and math.isnan(one) else one for key, one in values.items()}
    )
