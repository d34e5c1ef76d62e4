"""Files that list utterances, one or several, as one source: paths in; their rows one after another out."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from raytrain.errors import InputError
from raytrain.files import require_file
from raytrain.speech.file_kinds import kind_of_file
from raytrain.speech.imports.arrow_table import ArrowTable
from raytrain.speech.imports.delimited import Delimited
from raytrain.speech.imports.encodings import encoding_of
from raytrain.speech.imports.json_table import JsonTable
from raytrain.speech.imports.source import Columns, Row
from raytrain.speech.problems import printable

Table = Delimited | JsonTable | ArrowTable
_ARROW = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
_SNIFFED_BYTES = 4096
COMMON_VOICE = {"client_id", "path", "sentence"}


def table_of(path: Path) -> Table:
    """The table in a file, by what is in it, whatever it is called; InputError for what holds none."""
    try:
        require_file(path)
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if start.startswith(_ARROW):
        return ArrowTable(path)
    kind = kind_of_file(start)
    encoding = encoding_of(path)
    if kind is not None or (b"\0" in start and encoding.startswith("utf-8")):
        raise InputError(
            f"{path}: {kind.name if kind else 'binary data'}, and no table of utterances; {_way_out(path, start)}"
        )
    if not start.strip():
        raise InputError(f"{path}: an empty file; name one that lists the sound")
    # 4 KiB may end in the middle of a letter.
    first = start[: len(start) // 4 * 4].decode(encoding, "replace").lstrip("\ufeff \r\n\t")[:1]
    return JsonTable(path) if first in ("{", "[") else Delimited(path)


def _way_out(path: Path, start: bytes) -> str:
    name = shlex.quote(str(path))
    if start.startswith(b"\x1f\x8b"):
        command = f"tar -xzf {name}" if path.name.endswith((".tar.gz", ".tgz")) else f"gzip -dk {name}"
        return f"unpack it: `{command}`"
    if start.startswith(b"PK\x03\x04"):
        return f"unpack it, `unzip {name}`, or save a workbook as CSV"
    return "name the file that lists the sound"


@dataclass(frozen=True)
class Tables:
    """The rows of some files that have the same columns."""

    place: str
    files: Sequence[Path]
    name: str = ""
    """What they are together, where that is more than a table."""
    split: str | None = None
    below: frozenset[str] | None = None
    """Only rows whose file lies in one of these folders of the table's own are of the split."""
    below_column: str = ""

    @property
    def kind(self) -> str:
        """What it is, in words."""
        what = self.name or self._tables[0].name
        if not self.name and set(self.columns.names) >= COMMON_VOICE:
            what = f"Common Voice, {what}"
        return f"{what}, {len(self.files)} files" if len(self.files) > 1 else what

    @cached_property
    def columns(self) -> Columns:
        """All columns of all files."""
        names = tuple(dict.fromkeys(name for table in self._tables for name in table.columns))
        sound = (table.holds_sound for table in self._tables if isinstance(table, ArrowTable))
        return Columns(names, frozenset().union(*sound))

    def num_rows(self) -> int | None:
        """How many rows there are."""
        if self.below is None:
            return sum(table.num_rows for table in self._tables)
        return sum(1 for _ in self.rows())

    def rows(self, start: int = 0) -> Iterator[Row]:
        """The rows after the first `start`; a row of one file of text has its line's number."""
        before = 0
        several = len(self.files) > 1
        for path, table in zip(self.files, self._tables, strict=True):
            if self.below is None and before + table.num_rows <= start:
                before += table.num_rows
                continue
            skipped = max(0, start - before) if self.below is None else 0
            counted = before
            for row in table.rows(skipped) if isinstance(table, ArrowTable) else table.rows():
                if self.below is not None and not self._is_below(row):
                    continue
                counted = counted + 1 if not isinstance(table, ArrowTable) else before + row.number
                if counted > start:
                    by_count = several or isinstance(table, ArrowTable)
                    yield row._replace(number=counted if by_count else row.number, base=path.parent)
            before = counted

    def stamp(self) -> str:
        """Sizes and times of change of the files."""
        return stamp_of(self.files)

    @cached_property
    def _tables(self) -> list[Table]:
        return [table_of(path) for path in self.files]

    def _is_below(self, row: Row) -> bool:
        top = PurePosixPath(str(row.values.get(self.below_column, ""))).parts[:1]
        return self.below is not None and bool(self.below.intersection(top))


def stamp_of(files: Sequence[Path]) -> str:
    """Names, sizes and times of change of files, as a text."""
    statuses = ((path, path.stat()) for path in files)
    return "\n".join(f"{printable(str(path))} {one.st_size} {one.st_mtime_ns}" for path, one in statuses)
