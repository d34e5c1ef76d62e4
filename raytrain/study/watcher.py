"""What a study reports while it runs: its trials as they start, score and end. A view overrides what it wants."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from raytrain.results.records import TrialRecord
from raytrain.study.running import RunningTrial
from raytrain.study.spending import Spending

log = logging.getLogger("raytrain")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What trials run on, and what they hold of it at any moment."""

    cpus: int
    card_gib: float | None
    """The memory of the largest card, where that is known."""
    taken: Callable[[], Sequence[float]]
    """The share of each card that trials hold now."""
    spending: Spending | None = None
    """The study's hours, where it has a budget or a price."""
    stops: Callable[[], bool]
    """Whether somebody has asked to stop."""


class Watcher:
    """Whoever follows a study while it runs; on its own it takes no notice."""

    def begins(self, machine: Machine) -> None:
        """Ray is there."""

    def waits(self, number: int | None) -> None:
        """The trial that is next and has no room yet."""

    def starts(self, trial: RunningTrial) -> None:
        """A trial has its hardware."""

    def scored(self, trial: RunningTrial) -> None:
        """A running trial has been evaluated."""

    def ends(self, record: TrialRecord) -> None:
        """A trial as it stands in the ledger."""


class Lines(Watcher):
    """Where nothing can be drawn: a line an evaluation."""

    def scored(self, trial: RunningTrial) -> None:
        super().scored(trial)
        if not trial.row.finished:
            rate = trial.trial.config.model.rate()
            log.info("trial %d: %d examples, %s %.4f", trial.number, trial.row.examples_seen, rate, trial.row.eval_wer)
