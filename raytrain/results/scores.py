"""Scored utterances of one model or several in; their error rates with intervals, by group and side by side, out.

Intervals are over children, as in significance: a child's utterances succeed and fail together. Where the language
writes no spaces, words are characters here as everywhere.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from raytrain.config.constants import AGE_BUCKETS
from raytrain.config.languages import Rate
from raytrain.files import finite
from raytrain.results.significance import Comparison, Contender, compare, contender, interval
from raytrain.results.transcripts import Scored, UtteranceCounts, counts
from raytrain.results.verdict import MIN_CHILDREN, Finding
from raytrain.results.word_errors import WordErrors
from raytrain.results.wording import LENGTHS, length_text, signed

_GROUP_OF: dict[str, Callable[[Scored], str]] = {
    "age": lambda row: row["age_bucket"],
    "duration": lambda row: length_text(row["duration_s"]),
    "source": lambda row: row.get("source") or "unknown",
    "session": lambda row: row.get("session_id") or "unknown",
}
_OVER_CHILDREN = ("age", "duration", "source")
"""A session is a child's own: an interval over children says nothing of it."""


@dataclass(frozen=True, kw_only=True)
class GroupScore:
    """The errors of some utterances, and how far the rate would move with other children."""

    name: str
    utterances: int
    children: int
    errors: WordErrors
    character_edits: int
    characters: int
    interval: tuple[float, float] | None
    """95 % over children, of the rate that counts; None where there are too few."""

    @property
    def rate(self) -> float:
        """WER, or CER where that is what counts."""
        return self.errors.wer

    @property
    def cer(self) -> float | None:
        return self.character_edits / self.characters if self.characters else None

    def as_dict(self, rate: Rate) -> dict[str, Any]:
        low, high = self.interval or (None, None)
        return {
            "utterances": self.utterances,
            "children": self.children,
            "words" if rate == "WER" else "characters": self.errors.reference_words,
            rate.lower(): self.rate,
            "low": low,
            "high": high,
            **({"cer": self.cer} if rate == "WER" else {}),
            "errors": self.errors.as_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class ModelScore:
    """One model on a test set."""

    name: str
    facts: Mapping[str, str]
    """What it is and how it was decoded, by what a reader calls it."""
    caveats: Sequence[str]
    rows: Sequence[Scored]
    """A row for each utterance of the test set, in its order; those of all models are the same utterances."""

    @cached_property
    def overall(self) -> GroupScore:
        return _scored("all", self.rows, with_interval=True)

    @cached_property
    def cer_interval(self) -> tuple[float, float] | None:
        """95 % over children, of the CER."""
        return _interval(self.name, self.rows, in_characters=True)

    @cached_property
    def groups(self) -> dict[str, list[GroupScore]]:
        """By age, duration, source and session; a grouping with one group alone is left out."""
        found: dict[str, list[GroupScore]] = {}
        for grouping, group_of in _GROUP_OF.items():
            rows_of: dict[str, list[Scored]] = defaultdict(list)
            for row in self.rows:
                rows_of[group_of(row)].append(row)
            if len(rows_of) > 1 or (grouping == "age" and "unknown" not in rows_of):
                found[grouping] = [
                    _scored(name, rows_of[name], with_interval=grouping in _OVER_CHILDREN)
                    for name in _ordered(grouping, rows_of)
                ]
        return found

    def worst(self, count: int) -> list[Scored]:
        """The utterances with most edits, the highest rate first among equals."""
        rows = [row for row in self.rows if counts(row).edits]
        return sorted(rows, key=lambda row: (-counts(row).edits, -counts(row).wer, row["utterance_id"]))[:count]


@dataclass(frozen=True, kw_only=True)
class Against:
    """One model set against the first."""

    name: str
    first: str
    finding: Finding
    sentence: str
    comparison: Comparison


def against_first(models: Sequence[ModelScore], rate: Rate) -> list[Against]:
    """Each model but the first against it, in order; the intervals hold for all of them at once."""
    if len(models) < 2 or not models[0].overall.errors.reference_words:
        return []
    first, *others = (_contender(one.name, one.rows) for one in models)
    found = compare(others, first)
    return [_judged(one, first, comparison, rate) for one, comparison in zip(others, found, strict=True)]


def _judged(one: Contender, first: Contender, found: Comparison, rate: Rate) -> Against:
    lead = f"{one.name}: {rate} {one.wer:.3f} against {first.name}'s {first.wer:.3f}"
    over = f"{found.num_children} {'child' if found.num_children == 1 else 'children'}"
    if found.num_children < MIN_CHILDREN:
        finding = Finding.TOO_LITTLE_DATA
        said = f"(difference {signed(found.difference)}): too little data to say, with {over}."
    else:
        if found.high < 0:
            finding, verdict = Finding.BETTER, "better"
        elif found.low > 0:
            finding, verdict = Finding.WORSE, "worse"
        else:
            finding, verdict = Finding.NOT_DISTINGUISHABLE, "not distinguishable"
        width = f"95 % {signed(found.low)} to {signed(found.high)} over {over}"
        said = f"(difference {signed(found.difference)}, {width}): {verdict}."
    return Against(name=one.name, first=first.name, finding=finding, sentence=f"{lead} {said}", comparison=found)


def _scored(name: str, rows: Sequence[Scored], *, with_interval: bool) -> GroupScore:
    return GroupScore(
        name=name,
        utterances=len(rows),
        children=len({row["child_id"] for row in rows}),
        errors=WordErrors.total(map(counts, rows)),
        character_edits=sum(row["character_edits"] for row in rows),
        characters=sum(row["characters"] for row in rows),
        interval=_interval(name, rows) if with_interval else None,
    )


def _interval(name: str, rows: Sequence[Scored], *, in_characters: bool = False) -> tuple[float, float] | None:
    one = _contender(name, rows, in_characters=in_characters)
    return interval(one) if one.num_children >= MIN_CHILDREN else None


def _contender(name: str, rows: Sequence[Scored], *, in_characters: bool = False) -> Contender:
    if in_characters:
        numbers = [(row["character_edits"], row["characters"]) for row in rows]
    else:
        numbers = [(errors.edits, errors.reference_words) for errors in map(counts, rows)]
    edits, words = np.array(numbers).reshape(-1, 2).T
    ids, children = (np.array([row[key] for row in rows]) for key in ("utterance_id", "child_id"))
    return contender(name, [UtteranceCounts(ids, children, edits, words)])


def _ordered(grouping: str, rows_of: Mapping[str, Sequence[Scored]]) -> list[str]:
    if grouping == "duration":
        return [name for name in LENGTHS if name in rows_of]
    if grouping == "age":
        return [*(bucket for bucket in AGE_BUCKETS if bucket in rows_of), *sorted(rows_of.keys() - set(AGE_BUCKETS))]
    return list(rows_of)


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Models on one test set, side by side."""

    title: str
    data: Mapping[str, str]
    """What they were scored on, by what a reader calls it."""
    caveats: Sequence[str]
    """What holds of the test set."""
    language: str
    rate: Rate
    models: Sequence[ModelScore]

    @cached_property
    def against(self) -> list[Against]:
        return against_first(self.models, self.rate)

    def all_caveats(self) -> list[str]:
        """What a reader must know first: of the test set, then of each model with its name."""
        return [*self.caveats, *(f"{one.name}: {caveat}" for one in self.models for caveat in one.caveats)]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; null where an interval has no end."""
        return finite(
            {
                "data": dict(self.data),
                "language": self.language,
                "rate": self.rate,
                "caveats": list(self.caveats),
                "models": [self._model(one) for one in self.models],
                "comparisons": [
                    {"model": one.name, "against": one.first, "finding": one.finding, "sentence": one.sentence}
                    | {name: getattr(one.comparison, name) for name in ("difference", "low", "high", "num_children")}
                    for one in self.against
                ],
            }
        )

    def _model(self, one: ModelScore) -> dict[str, Any]:
        low, high = (one.cer_interval or (None, None)) if self.rate == "WER" else (None, None)
        return {
            "name": one.name,
            "facts": dict(one.facts),
            "caveats": list(one.caveats),
            **one.overall.as_dict(self.rate),
            **({"cer_low": low, "cer_high": high} if self.rate == "WER" else {}),
            "by": {
                grouping: {group.name: group.as_dict(self.rate) for group in groups}
                for grouping, groups in one.groups.items()
            },
        }
