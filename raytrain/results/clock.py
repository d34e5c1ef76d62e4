"""How long a study has run: its beginnings and ends in, a line each; hours over all its starts, out.

What counts is the time in which a process had the study open, and not the calendar's in between. A kill loses at most
the seconds since the last line.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from raytrain.files import AppendedLines, as_kind, parse_json
from raytrain.results.records import Moment, Outcome, TrialRecord, utc_now

FILE_NAME = "clock.jsonl"
_TOLD_EVERY_S = 30.0
_WAY_OUT = "restore the line, or take it out"


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A line of clock.jsonl: how long one process has had the study open."""

    start: Annotated[int, Field(ge=1)]
    """Which start of the study it is, from 1 on."""
    at: Moment
    ran_s: Annotated[float, Field(ge=0)]


class Clock:
    """A study's running time. One process writes, while it holds the ledger; any may read."""

    def __init__(self, folder: Path) -> None:
        self._lines = AppendedLines(folder / FILE_NAME, parse=_tick)
        self._before_s, self._start, self._told_s = 0.0, 0, 0.0
        self._began_s: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time until the block ends, however it does."""
        ticks = self._lines.read()
        self._start = max((tick.start for tick in ticks), default=0) + 1
        self._before_s = _sum_of_starts(ticks)
        self._began_s = time.monotonic()
        self._tell()
        try:
            yield
        except BaseException:
            with suppress(OSError):  # a full disk is what ends the study, perhaps: that is what is to be said
                self._tell()
            raise
        self._tell()

    def tick(self) -> None:
        """Called often; now and then it writes down how long the study has run."""
        if self._began_s is not None and time.monotonic() - self._told_s > _TOLD_EVERY_S:
            self._tell()

    @property
    def ran_s(self) -> float:
        """Seconds that the study has run, up to now."""
        if self._began_s is None:
            return _sum_of_starts(self._lines.read())
        return self._before_s + time.monotonic() - self._began_s

    @property
    def is_kept(self) -> bool:
        """Whether the study has a clock: those of earlier versions have none."""
        return bool(self._lines.read())

    def starts(self) -> list[str]:
        """When each process that ran the study opened it, in ISO 8601."""
        first: dict[int, str] = {}
        for tick in self._lines.read():
            first.setdefault(tick.start, tick.at)
        return list(first.values())

    def _tell(self) -> None:
        assert self._began_s is not None
        self._told_s = time.monotonic()
        ran_s = round(self._told_s - self._began_s, 2)
        self._lines.append(asdict(Tick(start=self._start, at=utc_now(), ran_s=ran_s)))


def ran_s(folder: Path, records: Sequence[TrialRecord]) -> float:
    """Seconds that the study in this folder has run; of one without a clock, those in which a trial ran."""
    clock = Clock(folder)
    return clock.ran_s if clock.is_kept else sum(end - begin for begin, end, _ in stretches(records))


def last_tick(lines: bytes) -> datetime | None:
    """When a clock was last written, going by a copy of its lines; None where it has none that is whole."""
    whole = lines.split(b"\n")[:-1]
    if not whole:
        return None
    place = FILE_NAME
    values = as_kind(
        parse_json(whole[-1], place=place, way_out=_WAY_OUT), dict[str, Any], place=place, way_out=_WAY_OUT
    )
    return datetime.fromisoformat(_tick(values, place).at)


def stretches(records: Sequence[TrialRecord]) -> list[tuple[float, float, list[TrialRecord]]]:
    """The time in which trials ran, cut where one begins or ends: from, to, in seconds, and which ran then."""
    spans = [
        (ended_s - one.wall_s, ended_s, one)
        for one in records
        if one.outcome is not Outcome.NOT_STARTED and one.wall_s > 0
        for ended_s in [datetime.fromisoformat(one.ended_at).timestamp()]
    ]
    moments = sorted({moment for begin, end, _ in spans for moment in (begin, end)})
    found = []
    for begin, end in pairwise(moments):
        ran = [one for since, until, one in spans if since <= begin and end <= until]
        if ran:
            found.append((begin, end, ran))
    return found


def _sum_of_starts(ticks: Sequence[Tick]) -> float:
    longest: dict[int, float] = {}
    for tick in ticks:
        longest[tick.start] = max(longest.get(tick.start, 0.0), tick.ran_s)
    return sum(longest.values())


def _tick(values: dict[str, Any], place: str) -> Tick:
    return as_kind(values, Tick, place=f"{place}: not a line of a study's clock", way_out=_WAY_OUT, extra="forbid")
