"""A line of events.jsonl: a trial that started or was scored, or a search that was done."""

from dataclasses import dataclass
from typing import Any, Literal

from raytrain.files import as_kind
from raytrain.search.axes import Sample


@dataclass(frozen=True, kw_only=True)
class Event:
    """A line of events.jsonl."""

    event: Literal["started", "scored", "done"]
    number: int
    at: str
    """ISO 8601 in UTC."""
    sample: Sample | None = None
    """The values drawn, of a trial that started."""
    finalist_of: str | None = None
    """The trial_id that a training with another seed repeats."""
    seed: int | None = None
    examples_seen: int | None = None
    objective: float | None = None
    prospect: dict[str, Any] | None = None
    """Of a search that is done before its trials are: what the trial of this number and further ones were worth."""


def as_event(values: dict[str, Any], place: str) -> Event:
    """The event that a line holds; InputError where it is none."""
    way_out = "restore the line, or take it out"
    return as_kind(values, Event, place=f"{place}: not an event of a study", way_out=way_out, extra="forbid")
