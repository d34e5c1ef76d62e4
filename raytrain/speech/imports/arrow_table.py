"""Parquet and Arrow files, data sets that were saved among them: a file in; its columns and rows out, a few at a time.

Read by Arrow itself: `datasets` would copy a Parquet of any size to its cache first, and decode sound by torchcodec.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raytrain.errors import InputError
from raytrain.speech.imports.source import Row

_BATCH_ROWS = 16
_BUFFER_BYTES = 2**20


@dataclass(frozen=True)
class ArrowTable:
    """One Parquet file, Arrow file or Arrow stream."""

    path: Path

    @property
    def name(self) -> str:
        return "Parquet" if self._is_parquet else "Arrow"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(self._schema.names)

    @cached_property
    def holds_sound(self) -> frozenset[str]:
        """The columns of bytes, and of structs with bytes or samples in them."""
        return sound_columns(self._schema)

    @cached_property
    def num_rows(self) -> int:
        with self._faults():
            if self._is_parquet:
                return int(pq.read_metadata(self.path).num_rows)
            with self._mapped() as reader:
                return sum(len(batch) for batch in _batches(reader))

    def rows(self, start: int = 0) -> Iterator[Row]:
        """The rows after the first `start`, by their numbers from 1."""
        number = 0
        classes = _class_names(self._schema)
        for batch in self._record_batches(start):
            self._require_whole(batch)
            for values in batch.to_pylist() if isinstance(batch, pa.RecordBatch) else ({},) * batch:
                number += 1
                if number > start:
                    yield Row(number, {name: _named(value, classes.get(name)) for name, value in values.items()})

    def _record_batches(self, start: int) -> Iterator[Any]:
        """Batches; in place of those that end before `start` their numbers of rows, unread."""
        with self._faults():
            if self._is_parquet:
                with pq.ParquetFile(self.path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
                    skipped = 0
                    while skipped < file.num_row_groups:
                        rows = file.metadata.row_group(skipped).num_rows
                        if rows > start:
                            break
                        yield rows
                        start, skipped = start - rows, skipped + 1
                    groups = range(skipped, file.num_row_groups)
                    yield from file.iter_batches(batch_size=_BATCH_ROWS, row_groups=groups, use_threads=False)
                return
            with self._mapped() as reader:
                for batch in _batches(reader):
                    if len(batch) <= start:
                        yield len(batch)
                        start -= len(batch)
                        continue
                    yield from (batch.slice(at, _BATCH_ROWS) for at in range(0, len(batch), _BATCH_ROWS))
                    start = 0

    def _require_whole(self, batch: Any) -> None:
        """InputError for a batch whose offsets point anywhere: a damaged file that is mapped would end the process."""
        with self._faults():
            if isinstance(batch, pa.RecordBatch):
                batch.validate(full=True)

    @cached_property
    def _is_parquet(self) -> bool:
        with self.path.open("rb") as file:
            return file.read(4) == b"PAR1"

    @cached_property
    def _schema(self) -> pa.Schema:
        with self._faults():
            if self._is_parquet:
                return pq.read_schema(self.path)
            with self._mapped() as reader:
                return reader.schema

    @contextmanager
    def _mapped(self) -> Iterator[Any]:
        with pa.memory_map(str(self.path)) as source:
            try:
                reader = pa.ipc.open_file(source)
            except pa.ArrowInvalid:  # a stream, as `datasets` writes it
                source.seek(0)
                reader = pa.ipc.open_stream(source)
            yield reader

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # Arrow says most of it as an OSError
            fact = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"{self.path}: cannot be read as {self.name}: {fact}; fetch or write it anew") from None


def sound_columns(schema: pa.Schema) -> frozenset[str]:
    """The columns that may hold sound itself: bytes, or structs that have them, or samples with their rate."""
    return frozenset(field.name for field in schema if _may_hold_sound(field.type))


def _may_hold_sound(kind: pa.DataType) -> bool:
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    names = {kind.field(index).name for index in range(kind.num_fields)} if pa.types.is_struct(kind) else set()
    return "bytes" in names or {"array", "sampling_rate"} <= names


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        yield from (reader.get_batch(index) for index in range(reader.num_record_batches))
    else:
        yield from reader


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """The names that numbers of a column stand for, as `datasets` notes them beside the columns."""
    try:
        noted = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = noted["info"]["features"].items()
        return {name: kind["names"] for name, kind in features if kind.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):  # no such note, or one of another form
        return {}


def _named(value: Any, names: list[str] | None) -> Any:
    is_class = names is not None and isinstance(value, int) and 0 <= value < len(names)
    return names[value] if is_class and names is not None else value
