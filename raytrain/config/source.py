"""YAML text in; plain values out, with the place each was written at and what could not be read. Knows no schema.

YAML 1.2's core schema and nothing more: `no` is text, `1e-5` a number, `1_000` text. What would let a file say
something other than it shows (aliases, tags, several documents) is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from ruamel.yaml.reader import ReaderError

from raytrain.terminal import printable

Location = tuple[str | int, ...]
MAX_DEPTH = 16
MAX_CHARACTERS = 100_000
MAX_SHOWN_KEY = 120
_MOST_SHOWN = 200

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED_INT = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something was written; ordered by line in the file, then by position on the command line."""

    order: tuple[int, int]
    text: str

    @classmethod
    def line(cls, file: str, number: int) -> "Place":
        return cls((0, number), f"{file}:{number}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, of which key ("" for none), and the fact with the way out."""

    place: Place
    key: str
    message: str
    meant: str = ""
    """What an override was probably meant to be."""

    def __str__(self) -> str:
        line = ": ".join(part for part in (self.place.text, self.key, self.message) if part)
        return printable(line).replace("\n", "\\n")


@dataclass(slots=True)
class Source:
    """Values with their places and problems. After a fault in the YAML itself (`broken`) `tree` is not to be judged."""

    tree: Any
    root: Place
    places: dict[Location, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False

    @classmethod
    def named(cls, tree: Any, name: str) -> "Source":
        """Values that no file spells out; faults of theirs are placed at this name."""
        return cls(tree, Place((0, 0), name))

    def note(self, location: Location, *messages: str) -> None:
        """Add problems with the key there."""
        self.problems += [self.problem(location, message) for message in messages]

    def problem(self, location: Location, message: str) -> Problem:
        """What is wrong with the key there; an override already shows the key that it sets."""
        place = self.place(location)
        key = "" if place.order[0] and self.places.get(location) is place else shown_key(location)
        return Problem(place, key, message)

    def broken_rule(self, location: Location, message: str) -> Problem:
        """What is wrong between keys of the section there, by what the file says and the overrides change of it."""
        place = self.place(location)
        inside = {at for key, at in self.places.items() if key[: len(location)] == location and at.order[0]} - {place}
        if not inside:
            return self.problem(location, message)
        overrides = " and ".join(at.text for at in sorted(inside))
        return Problem(Place(place.order, f"{place.text} with {overrides}"), shown_key(location), message)

    def place(self, location: Location) -> Place:
        """Where this was written, or else the closest thing around it."""
        return next(
            (self.places[location[:n]] for n in range(len(location), 0, -1) if location[:n] in self.places), self.root
        )


def read_yaml(text: str, *, file: str) -> Source:
    """One YAML document as dicts, lists and plain values; of a key given twice the first value is kept."""
    source = Source(tree=None, root=Place.line(file, 1))
    try:
        if len(text) > MAX_CHARACTERS:
            raise _Refused(None, f"longer than {MAX_CHARACTERS} characters: not a configuration")
        _Reading(source, file).document(text)
        return source
    except _Refused as refused:
        line, fault = refused.line, str(refused)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line, text.count("\n")) + 1 if mark else 1
        fault = f"not YAML: {(error.problem or error.context or 'unreadable').strip()}"
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        fault = f"not YAML: the character {chr(error.character)!a}"
    if len(fault) > _MOST_SHOWN:  # tags and anchors may be as long as the file
        fault = f"{fault[: _MOST_SHOWN - 60]}…{fault[-59:]}"
    source.problems.append(Problem(Place.line(file, line), "", fault))
    source.broken = True
    return source


def plain_value(text: str) -> bool | int | float | str | None:
    """What an unquoted scalar means in YAML 1.2's core schema."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    # Python converts at most 4300 digits: a longer number stays text, and is refused as text.
    if len(text) < 1000:
        if _INT.fullmatch(text):
            return int(text)
        if _BASED_INT.fullmatch(text):
            return int(text, 0)
        if _FLOAT.fullmatch(text):
            return float(text)
    if match := _NOT_FINITE.fullmatch(text):
        return float(match[1] + "inf" if match[2] else "nan")
    return text


class _Refused(Exception):
    """What is YAML, but says more than it shows."""

    def __init__(self, event: Event | None, message: str) -> None:
        super().__init__(message)
        self.line: int = event.start_mark.line + 1 if event is not None else 1


class _Reading:
    """The events of one document, turned into values as they come: nothing deep or repeated is ever built."""

    def __init__(self, source: Source, file: str) -> None:
        self.source = source
        self.file = file
        self.events: Iterator[Event] = iter(())

    def document(self, text: str) -> None:
        self.events = YAML(typ="safe", pure=True).parse(text)
        next(self.events)  # the start of the stream
        if not isinstance(next(self.events), DocumentStartEvent):
            return  # nothing but comments: the tree stays None
        self.source.tree = self.value(next(self.events), ())
        next(self.events)  # the end of the document
        if isinstance(more := next(self.events), DocumentStartEvent):
            raise _Refused(more, "a second document begins; keep one in a file")

    def value(self, event: Event, at: Location) -> Any:
        if isinstance(event, AliasEvent):
            raise _Refused(event, f"the alias *{event.anchor} is not read here; write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            raise _Refused(event, f"the tag {tag} is not read here; write a plain value")
        if len(at) > MAX_DEPTH:
            raise _Refused(event, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, ScalarEvent):
            return plain_value(event.value) if event.implicit[0] else event.value
        if isinstance(event, MappingStartEvent):
            return self.mapping(at)
        return self.sequence(at)

    def mapping(self, at: Location) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise _Refused(event, "a key must be plain text")
            key, place = event.value, Place.line(self.file, event.start_mark.line + 1)
            value_at = (*at, key)
            if key in values:
                message = f"duplicate key; first on line {self.source.places[value_at].order[1]}"
                self.source.problems.append(Problem(place, shown_key(value_at), message))
                kept, self.source.places = self.source.places, {}
                self.value(next(self.events), value_at)
                self.source.places = kept
                continue
            self.source.places[value_at] = place
            values[key] = self.value(next(self.events), value_at)
        return values

    def sequence(self, at: Location) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            value_at = (*at, len(values))
            self.source.places[value_at] = Place.line(self.file, event.start_mark.line + 1)
            values.append(self.value(event, value_at))
        return values


def shown_key(location: Location) -> str:
    """A key for a message, on one line and short; letters that only look Latin are given away."""
    key = ".".join(str(part) if str(part).isascii() else ascii(part)[1:-1] for part in location)
    return key if len(key) <= MAX_SHOWN_KEY else f"{key[: MAX_SHOWN_KEY - 1]}…"
