"""The file of a manifest: a path in; its lines with their numbers out, or the one refusal of what is no JSON lines."""

import csv
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from raytrain.errors import InputError
from raytrain.speech.file_kinds import kind_of_file

MOST_LINE_BYTES = 2**20
"""Of one line: an utterance has some hundred bytes."""
_MOST_BYTES = 2**31
"""Of a manifest: millions of utterances."""
_MOST_LINES = 5_000_000
_SNIFFED_BYTES = 2**16
_BLOCK_BYTES = 2**20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIELDS = "utterance_id, child_id, audio_path and orthographic_text"


class Line(NamedTuple):
    """One line that is not blank."""

    number: int
    """From 1."""
    raw: bytes | None
    """Its bytes, with the newline; None where they are over MOST_LINE_BYTES."""


def numbered_lines(path: Path) -> Iterator[Line]:
    """The lines of a manifest, blank ones left out. A file that is as a whole of another kind is an InputError."""
    _refuse_another_kind(path)
    try:
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(MOST_LINE_BYTES):
                number += 1
                if number > _MOST_LINES:
                    raise InputError(f"{path}: over {_MOST_LINES:,} lines, blank ones too; divide it")
                long = len(raw) == MOST_LINE_BYTES and not raw.endswith(b"\n")
                while long and raw and not raw.endswith(b"\n"):
                    raw = file.readline(MOST_LINE_BYTES)
                raw = raw.removeprefix(_BYTE_ORDER_MARK)  # of any line: files that were joined have more than one
                if long or raw.strip():
                    yield Line(number, None if long else raw)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def count_lines(path: Path) -> int:
    """The number of lines, the last with or without its newline; InputError as in numbered_lines."""
    number, last = 0, b"\n"
    _refuse_another_kind(path)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            number += block.count(b"\n")
            last = block[-1:]
    return number + (last != b"\n")


def _refuse_another_kind(path: Path) -> None:
    """InputError where a look at the begin shows that no line of the file would be an utterance, with the way out."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if size > _MOST_BYTES:
        raise InputError(f"{path}: {size:,} bytes; a manifest may have {_MOST_BYTES:,}: divide it")
    old, new = shlex.quote(str(path)), shlex.quote(str(path.with_name(f"{path.stem}.new.jsonl")))
    encoding = _wide_encoding(start)
    if encoding is not None:
        text = f'open(sys.argv[1], encoding="{encoding}").read().replace("\\ufeff", "")'
        code = f"import sys; sys.stdout.buffer.write({text}.encode())"
        raise InputError(f"{path}: {encoding.upper()}, and UTF-8 is wanted; `{_python(code)} {old} > {new}` writes it")
    kind = kind_of_file(start)
    # A line that a power cut filled with nulls is one bad line.
    if kind is not None or (b"\0" in start and not re.search(rb"^\s*\{", start, re.MULTILINE)):
        raise InputError(
            f"{path}: {kind.name if kind else 'binary data'}, and no JSON lines; {_from_binary(start, path, old, new)}"
        )
    text = start.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace").lstrip()
    if re.match(r"\[\s*\{", text):
        way_out = f"`{_import(path)}` makes a manifest of it"
        raise InputError(f"{path}: one JSON array, and JSON lines are wanted; {way_out}")
    if re.match(r"\{[ \r]*\n\s*\S", text):
        way_out = "write each utterance with `json.dumps(utterance)` and a newline"
        raise InputError(f"{path}: JSON over many lines, and an object a line is wanted; {way_out}")
    delimiter = _delimiter(text)
    if delimiter is not None:
        name = "TSV" if delimiter == "\t" else "CSV"
        way_out = f"`{_import(path)}` makes a manifest of it"
        raise InputError(f"{path}: {name}, and JSON lines are wanted; {way_out}")


def _python(code: str) -> str:
    return f"python -c {shlex.quote(code)}"


def _import(path: Path) -> str:
    """The command that makes a manifest of a table, in a folder beside it."""
    folder = path.with_name(f"{path.stem}-imported")
    return f"python -m raytrain.data import {shlex.quote(str(path))} --to {shlex.quote(str(folder))}"


def _wide_encoding(start: bytes) -> str | None:
    """UTF-16 or UTF-32, with its mark or by the nulls beside ASCII's letters."""
    if start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    pair = start.lstrip(b" \r\n\t")[:2]
    return {b"{\0": "utf-16-le", b"[\0": "utf-16-le", b"\0{": "utf-16-be", b"\0[": "utf-16-be"}.get(pair)


def _from_binary(start: bytes, path: Path, old: str, new: str) -> str:
    if start.startswith(b"\x1f\x8b"):
        return f"`gzip -dc {old} > {new}` unpacks it"
    if start.startswith(b"PAR1"):
        return f"`{_import(path)}` makes a manifest of it"
    if start.startswith(b"PK\x03\x04"):
        return "unpack it; save a workbook as CSV, and import that: python -m raytrain.data import"
    return f"name the file that lists the sound, with {_FIELDS} in each line"


def _delimiter(text: str) -> str | None:
    """What divides the columns of a table in text; None where the first line is none of a table's."""
    if re.search(r"^\s*[{\[]", text, re.MULTILINE):
        return None
    first = text.split("\n", 1)[0].strip()
    for delimiter in ("\t", ",", ";", "|"):
        try:
            columns = next(csv.reader(io.StringIO(first), delimiter=delimiter), [])
        except csv.Error:
            continue
        if len(columns) > 1 and all(column.strip().isprintable() and column.strip() for column in columns):
            return delimiter
    return None
