"""JSON objects in, a line each, on disk before `append` returns; the same rows out, each parsed once."""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from raytrain.errors import InputError
from raytrain.files.typed import parse_json, require_file
from raytrain.files.values import finite
from raytrain.files.whole import sync_folder

_log = logging.getLogger("raytrain")
Row = TypeVar("Row")
_LONGEST_LINE_BYTES = 2**26
"""Of a trial's line, which holds its history, tens of kilobytes."""
_WAY_OUT = "restore the line from a copy, or take it out"


@dataclass(frozen=True)
class Mark:
    """How far a file has been read."""

    reading: int
    """How often it has been read from its start: from then on rows were only added."""
    rows: int

    def goes_on_from(self, other: "Mark") -> bool:
        """Whether what lies between the two are rows that were added."""
        return self.reading == other.reading and self.rows >= other.rows


START = Mark(-1, 0)
"""Of who has read nothing."""


class AppendedLines(Generic[Row]):
    """An append-only file of JSON lines. One process at a time may append, by a lock of the caller's; any may read, and
    so may any thread.

    `parse` makes a row of a line's values; it also takes the line's place, "path:LINE", for what it has to refuse.
    """

    def __init__(self, path: Path, *, parse: Callable[[dict[str, Any], str], Row]) -> None:
        self.path, self._parse = path, parse
        self._rows: list[Row] = []
        self._whole_bytes, self._inode = 0, -1
        self._one_reads = threading.RLock()
        self._readings = 0

    def append(self, values: dict[str, Any]) -> None:
        """Add a line and sync it to disk; what a kill left of a line before it is taken out first."""
        self.extend([values])

    def extend(self, several: Iterable[dict[str, Any]]) -> None:
        """Add lines, on disk together when this returns: one sync for all of them."""
        lines = b"".join(
            json.dumps(finite(values), ensure_ascii=False, allow_nan=False).encode() + b"\n" for values in several
        )
        with self._one_reads:
            self._read_on()
            self._write(lines)

    def read(self) -> list[Row]:
        """All rows in order. A last line that is not finished is left out; any other that is no row is an error."""
        with self._one_reads:
            self._read_on()
            return list(self._rows)

    def read_on(self, mark: Mark = START) -> tuple[list[Row], Mark]:
        """The rows after those that the mark says are known, and the next mark; where the file was read from its start
        in between, all rows, and a mark that does not go on from the one before."""
        with self._one_reads:
            self._read_on()
            now = Mark(self._readings, len(self._rows))
            return self._rows[mark.rows :] if now.goes_on_from(mark) else list(self._rows), now

    def _write(self, lines: bytes) -> None:
        with self.path.open("ab") as file:
            if file.tell() > self._whole_bytes:
                _log.warning("%s: the last line was cut short by a kill; it is taken out", self.path)
                file.truncate(self._whole_bytes)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        if not self._whole_bytes:
            sync_folder(self.path.parent)

    def _read_on(self) -> None:
        """Parse what was appended since the last time; everything anew where the file was replaced or shrank."""
        try:
            require_file(self.path)
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._whole_bytes:
                    self._forget()
                    self._inode = status.st_ino
                file.seek(self._whole_bytes)
                # A line is written with its newline in one go: what follows the last newline was never finished.
                while (line := file.readline(_LONGEST_LINE_BYTES)).endswith(b"\n"):
                    self._rows.append(self._row(line, place=self._place()))
                    self._whole_bytes += len(line)
                if len(line) == _LONGEST_LINE_BYTES:
                    raise InputError(f"{self._place()}: longer than any line is; {_WAY_OUT}")
        except FileNotFoundError:
            if self._inode != -1:
                self._forget()
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror}; make it a file that can be read") from None

    def _place(self) -> str:
        return f"{self.path}:{len(self._rows) + 1}"

    def _row(self, line: bytes, *, place: str) -> Row:
        values = parse_json(line.rstrip(b"\n"), place=place, way_out=_WAY_OUT)
        if not isinstance(values, dict):
            raise InputError(f"{place}: not a JSON object; {_WAY_OUT}")
        return self._parse(values, place)

    def _forget(self) -> None:
        self._rows, self._whole_bytes, self._inode = [], 0, -1
        self._readings += 1
