"""What every kind of source gives: its columns and rows, and where the sound of a row is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from raytrain.speech.problems import UnusableError


class Part(NamedTuple):
    """A part of a recording, in seconds; to its end where `end_s` is None."""

    start_s: float
    end_s: float | None


class Row(NamedTuple):
    """One row of a source."""

    number: int
    """Its line in a file of text, else its number among all rows; from 1."""
    values: Mapping[str, Any]
    """By column: texts, numbers, None, or sound as data sets hold it."""
    base: Path | None = None
    """The folder that its paths most likely start from."""
    fault: UnusableError | None = None
    """What keeps it from being read."""
    part: Part | None = None
    """The part of its recording that it is; None for all of it."""


@dataclass(frozen=True)
class Columns:
    """The columns of a source, and what is known of them beside their names."""

    names: tuple[str, ...]
    holds_sound: frozenset[str] = frozenset()
    """Those whose values are sound itself: bytes, or samples with their rate."""
    fixed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Roles that the form itself decides: role to column, and what it is, in words."""


class Source(Protocol):
    """Rows in an order that is the same each time."""

    @property
    def kind(self) -> str:
        """What it is, in words."""

    @property
    def place(self) -> str:
        """What was named, as an absolute path or a hub's id."""

    @property
    def split(self) -> str | None:
        """The split that is read, or several joined by +; None where there is but one."""

    @property
    def columns(self) -> Columns:
        """Its columns."""

    def num_rows(self) -> int | None:
        """How many rows there are; None where only reading shows it."""

    def rows(self, start: int = 0) -> Iterator[Row]:
        """The rows after the first `start`."""

    def stamp(self) -> str:
        """A text that changes when the source does."""
