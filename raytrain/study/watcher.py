"""What a study reports while it runs: its trials as they start, score and end. A view overrides what it wants."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raytrain.results.records import TrialRecord
from raytrain.trial.run_progress import RunProgress

log = logging.getLogger("raytrain")


@dataclass(kw_only=True)
class RunningTrial:
    """A trial that has begun and not ended."""

    number: int
    config: dict[str, Any]
    run: Path
    """Where its worker tells how far it is."""
    examples_total: int
    """At most; the worker knows it to the step."""
    inherits: str | None = None
    """The trial that trained the same: this one is a probe of a few steps."""
    finalist_of: str | None = None
    started_s: float = field(default_factory=time.monotonic)
    phase: str = "starting"
    examples_seen: int = 0
    eval_wer: float | None = None
    peak_memory_gib: float | None = None

    def is_at(self, progress: RunProgress) -> None:
        """As its worker says; never back behind what an evaluation told."""
        self.phase = progress.phase
        self.examples_seen = max(self.examples_seen, progress.examples_seen)
        self.examples_total = progress.examples_total or self.examples_total


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What trials run on, and what they hold of it at any moment."""

    cpus: int
    card_gib: float | None
    """Of a card's memory, where that is known."""
    taken: Callable[[], Sequence[float]]
    """Of each card, the share that trials hold."""
    stops: Callable[[], bool]
    """Whether somebody has asked to stop."""


class Watcher:
    """Whoever is told of a study while it runs; on its own it takes no notice."""

    def begins(self, machine: Machine) -> None:
        """Ray is there."""

    def waits(self, number: int | None) -> None:
        """The trial that is next and has no room yet."""

    def starts(self, trial: RunningTrial) -> None:
        """A trial has its hardware."""

    def scored(self, number: int, row: Mapping[str, Any]) -> None:
        """A running trial's evaluation."""

    def ends(self, record: TrialRecord) -> None:
        """A trial as it stands in the ledger."""


class Lines(Watcher):
    """Where nothing can be drawn: a line an evaluation."""

    def scored(self, number: int, row: Mapping[str, Any]) -> None:
        if not row["finished"]:
            log.info("trial %d: %d examples, WER %.4f", number, row["examples_seen"], row["eval_wer"])
