"""The scored utterances of one training: utterances.jsonl in; counts as arrays, or rows with their texts, out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.json

from raytrain.errors import InputError
from raytrain.files import as_kind, parse_json
from raytrain.results.word_errors import WordErrors

_COUNTS = ("substitutions", "deletions", "insertions", "hits")
_SCHEMA = pa.schema(
    [("utterance_id", pa.string()), ("child_id", pa.string()), *((count, pa.int64()) for count in _COUNTS)]
)


@dataclass(frozen=True)
class _Row:
    utterance_id: str
    substitutions: int
    deletions: int
    insertions: int
    hits: int
    child_id: str = ""
    reference: str = ""
    hypothesis: str = ""


@dataclass(frozen=True)
class UtteranceCounts:
    """Edits and reference words by utterance, in the order of the utterances' ids, so that two trainings pair up."""

    utterance_ids: np.ndarray
    child_ids: np.ndarray
    edits: np.ndarray
    words: np.ndarray


def transcripts_path(folder: Path, number: int) -> Path:
    """Where a trial's utterances lie in its study's folder."""
    return folder / "trials" / str(number) / "utterances.jsonl"


def read_counts(path: Path) -> UtteranceCounts | None:
    """Read the counts alone, quickly; None where there is no such file or no row in it."""
    if not path.is_file() or path.stat().st_size == 0:
        return None
    try:
        # Texts are not looked at: a study has hundreds of these files.
        table = pyarrow.json.read_json(
            path,
            parse_options=pyarrow.json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: not utterances in JSON lines ({error}); restore the file, or take it out") from None
    for name in _SCHEMA.names:
        if table[name].null_count or (name in _COUNTS and pyarrow.compute.less(table[name], 0).to_pylist().count(True)):
            raise InputError(f"{path}: {name}: missing, null or below 0 in a line; restore the file, or take it out")
    columns = {name: table[name].to_numpy() for name in _SCHEMA.names}
    order = np.argsort(columns["utterance_id"].astype(str), kind="stable")
    edits = columns["substitutions"] + columns["deletions"] + columns["insertions"]
    return UtteranceCounts(
        utterance_ids=columns["utterance_id"].astype(str)[order],
        child_ids=columns["child_id"].astype(str)[order],
        edits=edits[order],
        words=(columns["hits"] + columns["substitutions"] + columns["deletions"])[order],
    )


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read whole rows, one at a time; nothing where there is no such file."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            place, way_out = f"{path}:{number}", "restore the line from a copy, or take it out"
            row: dict[str, Any] = parse_json(line, place=place, way_out=way_out)
            as_kind(row, _Row, place=place, way_out=way_out)
            yield row


def counts(row: dict[str, Any]) -> WordErrors:
    """The edit counts of a row of utterances.jsonl."""
    return WordErrors(*(row[count] for count in _COUNTS))
