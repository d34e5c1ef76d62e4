"""The scored utterances of one training: utterances.jsonl in; counts as arrays, or rows with their texts, out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, NotRequired, Self

import numpy as np
import pyarrow as pa
import pyarrow.json
from pyarrow import compute
from pydantic import Field, with_config
from typing_extensions import TypedDict  # typing's own is no type to pydantic before Python 3.12

from raytrain.errors import InputError
from raytrain.files import as_kind, parse_json, require_file
from raytrain.results.word_errors import WordErrors

_COUNTS = ("substitutions", "deletions", "insertions", "hits")
_WAY_OUT = "restore the line from a copy, or take it out"
_SCHEMA = pa.schema(
    [("utterance_id", pa.string()), ("child_id", pa.string()), *((count, pa.int64()) for count in _COUNTS)]
)


_LONGEST_LINE_BYTES = 2**24
"""Of an utterance's line, a few hundred bytes; a decoder that babbles writes some thousands."""
_Count = Annotated[int, Field(ge=0)]


@with_config(extra="allow")
class Scored(TypedDict):
    """A row of utterances.jsonl: one utterance as it was last scored. Its four counts are of words, or of characters
    where the language writes no spaces."""

    utterance_id: str
    child_id: str
    age_bucket: str
    duration_s: float
    reference: str
    hypothesis: str
    substitutions: _Count
    deletions: _Count
    insertions: _Count
    hits: _Count
    character_edits: NotRequired[_Count]
    """Edits in characters, and below the reference's characters; rows of earlier versions lack them."""
    characters: NotRequired[_Count]
    session_id: NotRequired[str | None]
    """Here and below, what a test manifest's rows have besides."""
    source: NotRequired[str]


@dataclass(frozen=True)
class UtteranceCounts:
    """Edits and reference words by utterance, in the order of the utterances' ids, so that two trainings pair up."""

    utterance_ids: np.ndarray
    child_ids: np.ndarray
    edits: np.ndarray
    words: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Scored]) -> Self:
        """The counts of rows at hand, in whatever order they come."""
        ordered = sorted(rows, key=lambda row: row["utterance_id"])
        each = [counts(row) for row in ordered]
        return cls(
            utterance_ids=np.array([row["utterance_id"] for row in ordered]),
            child_ids=np.array([row["child_id"] for row in ordered]),
            edits=np.array([one.edits for one in each]),
            words=np.array([one.reference_words for one in each]),
        )

    def pairs_with(self, other: "UtteranceCounts") -> bool:
        """Whether both scored the same utterances, of the same children, against the same number of words."""
        return all(
            np.array_equal(ours, theirs)
            for ours, theirs in (
                (self.utterance_ids, other.utterance_ids),
                (self.child_ids, other.child_ids),
                (self.words, other.words),
            )
        )


def transcripts_path(folder: Path, number: int) -> Path:
    """Where a trial's utterances lie in its study's folder."""
    return folder / "trials" / str(number) / "utterances.jsonl"


def read_counts(path: Path) -> UtteranceCounts | None:
    """Read the counts alone, quickly; None where there is no such file or no row in it."""
    if not path.exists() or require_file(path) == 0:
        return None
    try:
        # Texts are not looked at: a study has hundreds of these files.
        table = pyarrow.json.read_json(
            path,
            parse_options=pyarrow.json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"),
        )
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, str(error)) from None
    nulls = any(table[name].null_count for name in _SCHEMA.names)
    if nulls or any(compute.min(table[count]).as_py() < 0 for count in _COUNTS):
        raise _unreadable(path, "a count or an id is missing")
    columns = {name: table[name].to_numpy() for name in _SCHEMA.names}
    if len(set(columns["utterance_id"])) < len(table):
        raise InputError(f"{path}: an utterance_id stands on two lines, and would count twice; {_WAY_OUT}")
    order = np.argsort(columns["utterance_id"].astype(str), kind="stable")
    edits = columns["substitutions"] + columns["deletions"] + columns["insertions"]
    return UtteranceCounts(
        utterance_ids=columns["utterance_id"].astype(str)[order],
        child_ids=columns["child_id"].astype(str)[order],
        edits=edits[order],
        words=(columns["hits"] + columns["substitutions"] + columns["deletions"])[order],
    )


def _unreadable(path: Path, fact: str) -> InputError:
    """What is wrong with a file that Arrow cannot take: the line, where reading them one by one shows it."""
    try:
        for _ in read_rows(path):
            pass
    except InputError as error:
        return error
    return InputError(f"{path}: not utterances in JSON lines ({fact.splitlines()[0]}); {_WAY_OUT}")


def read_rows(path: Path) -> Iterator[Scored]:
    """Read whole rows, one at a time; nothing where there is no such file. A line that is no row is an error."""
    if not path.exists():
        return
    require_file(path)
    with path.open("rb") as file:
        for number, line in enumerate(iter(partial(file.readline, _LONGEST_LINE_BYTES), b""), 1):
            place = f"{path}:{number}"
            if len(line) == _LONGEST_LINE_BYTES:
                raise InputError(f"{place}: longer than any line is; {_WAY_OUT}")
            values = parse_json(line.rstrip(b"\n"), place=place, way_out=_WAY_OUT)
            yield as_kind(values, Scored, place=place, way_out=_WAY_OUT)


def character_rate(rows: Sequence[Scored]) -> float | None:
    """The CER over these rows; None where one of them is of an earlier version, which counted no characters."""
    if not rows or any("characters" not in row for row in rows):
        return None
    edits = sum(row.get("character_edits", 0) for row in rows)
    characters = sum(row.get("characters", 0) for row in rows)
    return edits / characters if characters else float(edits)


def counts(row: Scored) -> WordErrors:
    """The edit counts of a row of utterances.jsonl."""
    return WordErrors(row["substitutions"], row["deletions"], row["insertions"], row["hits"])
