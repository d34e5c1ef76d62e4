"""A file of predictions in; each utterance's text out. Of the field's submission form, or a run's utterances.jsonl."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.files import as_kind, parse_json
from raytrain.speech.manifest_file import numbered_lines

_TEXT, _HYPOTHESIS = "orthographic_text", "hypothesis"
_WAY_OUT = f'a line is {{"utterance_id": "u1", "{_TEXT}": "what was heard"}}'


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of predictions, among other things."""

    utterance_id: str | int
    orthographic_text: str | None = None
    hypothesis: str | None = None


@dataclass(frozen=True, kw_only=True)
class NamedPredictions:
    """What somebody's model heard, by utterance."""

    typed: str
    name: str
    path: Path
    texts: dict[str, str]


def read_predictions(path: Path, *, typed: str) -> NamedPredictions:
    """Read a file of predictions; InputError at its first line that is none, or that says an id again."""
    texts: dict[str, str] = {}
    for number, raw in numbered_lines(path):
        place = f"{path}:{number}"
        if raw is None:
            raise InputError(f"{place}: longer than any line is; {_WAY_OUT}")
        values = parse_json(raw, place=place, way_out=_WAY_OUT)
        row = as_kind(values, _Row, place=place, way_out=_WAY_OUT)
        # A row of ours holds both what was heard and, as reference, what was said.
        text = row.hypothesis if row.hypothesis is not None else row.orthographic_text
        if text is None:
            raise InputError(f"{place}: neither {_TEXT} nor {_HYPOTHESIS}; {_WAY_OUT}")
        utterance_id = str(row.utterance_id)
        if utterance_id in texts:
            raise InputError(f"{place}: utterance_id {utterance_id!r} for the second time; leave one of the two")
        texts[utterance_id] = text
    if not texts:
        raise InputError(f"{path}: holds no predictions; {_WAY_OUT}")
    return NamedPredictions(typed=typed, name=_name(path), path=path, texts=texts)


def _name(path: Path) -> str:
    """What such files are called says little: the folder's name says whose they are."""
    usual = path.stem in ("predictions", "utterances", "submission")
    return path.absolute().parent.name if usual and path.absolute().parent.name else path.stem


def as_line(utterance_id: str, text: str) -> dict[str, Any]:
    """A line of predictions.jsonl."""
    return {"utterance_id": utterance_id, _TEXT: text}
