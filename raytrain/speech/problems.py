"""What can be wrong with an utterance: a closed set of kinds, a problem with its place, and counts of them that add."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

_FIRST_KEPT = 5


class Kind(StrEnum):
    """What can be wrong with an utterance, or worth noting."""

    BAD_UTF8 = "bad_utf8"
    BAD_JSON = "bad_json"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    DUPLICATE_ID = "duplicate_id"
    EMPTY_TRANSCRIPT = "empty_transcript"
    MISSING_FILE = "missing_file"
    FILESIZE_MISMATCH = "filesize_mismatch"
    MD5_MISMATCH = "md5_mismatch"
    TOO_LARGE = "too_large"  # a line, a file or its sound: refused before it is in memory
    UNDECODABLE = "undecodable"
    ZERO_LENGTH = "zero_length"
    NOT_FINITE = "not_finite"  # NaN or infinite samples
    LABEL_TOO_LONG = "label_too_long"
    OVER_30_S = "over_30_s"  # from here on: noted, and the utterance is kept
    AGE_BUCKET = "age_bucket"
    DURATION = "duration"
    LABEL_NOT_COUNTED = "label_not_counted"
    SPECIAL_TOKEN = "special_token"  # <|endoftext|>, typed in a transcript
    CHILD_SPELLING = "child_spelling"  # two ids of children that look the same
    CHILD_NOT_KNOWN = "child_not_known"  # an utterance that was taken for a child of its own
    READ_AS = "read_as"  # a value that is not quite what the format says, and what it was taken for
    HEADER = "header"  # a sound file that holds more or less than its header says
    SILENCE = "silence"
    UNDER_50_MS = "under_50_ms"
    DEAD_CHANNEL = "dead_channel"


_NOTED = frozenset(list(Kind)[list(Kind).index(Kind.OVER_30_S) :])


def printable(text: str) -> str:
    """The text with whatever moves a terminal's cursor, colours it or turns its order written as escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


class UnusableError(ValueError):
    """An utterance that cannot be used: the kind of problem, and what was found."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ManifestProblem:
    """One thing wrong (fatal: the utterance is left out) or worth noting (it is kept) at one line of a manifest."""

    line: int
    """The line's number, from 1."""
    utterance_id: str | None
    kind: Kind
    message: str

    @property
    def fatal(self) -> bool:
        """Whether the utterance is left out."""
        return self.kind not in _NOTED

    def __str__(self) -> str:
        who = "" if self.utterance_id is None else f" {self.utterance_id}:"
        return printable(f"line {self.line}:{who} {self.kind}: {self.message}")

    def as_dict(self) -> dict[str, Any]:
        """The problem as JSON has it."""
        return {**asdict(self), "fatal": self.fatal}


def problem_lines(problems: Iterable[ManifestProblem], unlisted: Mapping[str, int], *, place: str) -> Iterator[str]:
    """A line each problem with the place it is of, and one for each kind of which there are more."""
    for problem in problems:
        yield f"{printable(place)}: {'' if problem.fatal else 'note: '}{problem}"
    for kind, number in unlisted.items():
        yield f"{printable(place)}: {number} more of {kind}"


def wrong_everywhere(problems: Sequence[ManifestProblem], tally: "Tally", *, place: str) -> str | None:
    """One line in place of one for every utterance, where all of several lack the same fields or all files are missing;
    else None."""
    number, first = tally.num_left_out, next((one for one in problems if one.fatal), None)
    if tally.usable or len(tally.left_out) != 1 or number < 2 or first is None:
        return None
    if any(one.kind is first.kind and one.message != first.message for one in problems):
        if first.kind is not Kind.MISSING_FILE:
            return None
        fact = f"none of its {number} sound files is there; the first looked for is {first.message.partition(': ')[2]}"
        return printable(f"{place}: {fact}; paths are relative to the manifest's folder")
    if first.kind is not Kind.MISSING_FIELD:
        return None
    lacking = first.message.removeprefix("missing: ").replace(", ", " or ")
    way_out = f"python -m raytrain.data import {shlex.quote(place)} --to FOLDER takes columns of other names"
    return printable(f"{place}: none of its {number} lines has {lacking}; {way_out}")


@dataclass(slots=True)
class Tally:
    """Utterances usable and left out, by kind; an utterance is left out for one reason, so the kinds sum."""

    usable: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Utterances left out, by kind."""
    noted: Counter[str] = field(default_factory=Counter)
    """What was noted of utterances that are kept, by kind."""
    first: list[str] = field(default_factory=list)
    """The first few fatal problems, for the message of a refusal."""

    @property
    def num_left_out(self) -> int:
        """The number of utterances that are left out."""
        return self.left_out.total()

    @property
    def bad_share(self) -> float:
        """The share of utterances that are left out."""
        total = self.usable + self.num_left_out
        return self.num_left_out / total if total else 0.0

    def add(self, problems: Iterable[ManifestProblem]) -> None:
        """Count problems in."""
        for problem in problems:
            (self.left_out if problem.fatal else self.noted)[problem.kind] += 1
            if problem.fatal and len(self.first) < _FIRST_KEPT:
                self.first.append(str(problem))

    def count(self, problem: ManifestProblem) -> int:
        """How many of this problem's kind were counted in."""
        return (self.left_out if problem.fatal else self.noted)[problem.kind]

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.usable + other.usable,
            self.left_out + other.left_out,
            self.noted + other.noted,
            (self.first + other.first)[:_FIRST_KEPT],
        )

    def describe(self) -> str:
        """One line for the person: what is there, what was left out and what was noted."""
        parts = [f"{self.usable} utterances"]
        if self.left_out:
            parts.append(f"{self.num_left_out} left out ({_by_kind(self.left_out)})")
        if self.noted:
            parts.append(f"noted: {_by_kind(self.noted)}")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The counts as JSON has them."""
        return {
            "usable": self.usable,
            "left_out": dict(sorted(self.left_out.items())),
            "noted": dict(sorted(self.noted.items())),
            "first": self.first,
        }


def _by_kind(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
