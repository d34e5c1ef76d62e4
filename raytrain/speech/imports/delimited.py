"""CSV and TSV as people's programs write them: a file in; its columns, and rows of texts with their lines, out.

Read as texts and no more: whoever guesses types makes the child 007 the number 7, and the word "null" nothing.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.speech.imports.encodings import encoding_of
from raytrain.speech.imports.source import Row
from raytrain.speech.problems import Kind, UnusableError

_DELIMITERS = {"\t": "TSV", ",": "CSV", ";": "CSV with semicolons", "|": "table divided by |"}
_MOST_HEADER_LETTERS = 2**16


@dataclass(frozen=True)
class Delimited:
    """A table in text whose first line names its columns."""

    path: Path

    @property
    def name(self) -> str:
        return _DELIMITERS[self._delimiter]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Their names; one without a name is called by its number."""
        names = tuple(name.strip() or f"column {number}" for number, name in enumerate(self._header, start=1))
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            way_out = "its first line names the columns: rename one of them, or put a line of names first"
            raise InputError(f"{self.path}: two columns are named {twice!r:.60}; {way_out}")
        return names

    @cached_property
    def num_rows(self) -> int:
        """How many there are, blank lines left out."""
        return sum(1 for _ in self.rows())

    def rows(self) -> Iterator[Row]:
        """All rows; one with more or fewer fields than there are columns is at fault."""
        for line, fields in self._records(**self._quoting):
            if len(fields) == len(self.columns):
                yield Row(line, dict(zip(self.columns, fields, strict=True)))
            else:
                message = f"{len(fields)} fields, and there are {len(self.columns)} columns"
                yield Row(line, {}, fault=UnusableError(Kind.MISSING_FIELD, message))

    @cached_property
    def _quoting(self) -> dict[str, Any]:
        """Whether quotes enclose fields: where all of a file can be read so, and in every table but a TSV.

        Common Voice writes its sentences' own quotes as they are, `"Go," she said.`, and encloses nothing.
        """
        if self._delimiter != "\t":
            return {}
        try:
            enclosed = all(len(fields) == len(self.columns) for _, fields in self._parsed(strict=True))
        except csv.Error:
            enclosed = False
        return {} if enclosed else {"quoting": csv.QUOTE_NONE}

    def _records(self, **quoting: Any) -> Iterator[tuple[int, list[str]]]:
        line = 1
        try:
            for line, fields in self._parsed(**quoting):
                yield line, fields
        except csv.Error as error:
            way_out = "is a quote never closed? Close it, or double those inside a field"
            raise InputError(f"{self.path}: line {line} or after it: {error}; {way_out}") from None

    def _parsed(self, **how: Any) -> Iterator[tuple[int, list[str]]]:
        with self._opened() as file:
            reader = csv.reader(file, delimiter=self._delimiter, **how)
            next(reader)
            begins = reader.line_num + 1
            try:
                for fields in reader:
                    if any(field.strip() for field in fields):
                        yield begins, fields
                    begins = reader.line_num + 1
            except UnicodeDecodeError as error:
                raise self._not_text(error) from None

    @cached_property
    def _header(self) -> list[str]:
        return next(csv.reader([self._first_line], delimiter=self._delimiter), [])

    @cached_property
    def _delimiter(self) -> str:
        """Whatever makes most columns of the first line."""

        def num_columns(delimiter: str) -> int:
            return len(next(csv.reader([self._first_line], delimiter=delimiter), []))

        return max(_DELIMITERS, key=num_columns)

    @cached_property
    def _first_line(self) -> str:
        try:
            with self._opened() as file:
                return file.readline(_MOST_HEADER_LETTERS)
        except UnicodeDecodeError as error:
            raise self._not_text(error) from None

    def _opened(self) -> Any:
        return self.path.open(encoding=encoding_of(self.path), newline="")

    def _not_text(self, error: UnicodeDecodeError) -> InputError:
        way_out = f"write it as UTF-8, say by `iconv -f WINDOWS-1252 -t UTF-8 {self.path}`"
        return InputError(f"{self.path}: not UTF-8 ({error.reason}); {way_out}")
