"""A study's hours as it spends them: its budget, its records and what runs in; what may start, and when it ends, out.

The clock is the study's own and counts over all its starts. Where there is no budget everything may start.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from raytrain.config.baseline import Baseline
from raytrain.memory.flops import train_flops_per_clip
from raytrain.memory.prediction import UNKNOWN, step_shape
from raytrain.results.clock import Clock, stretches
from raytrain.results.records import TrialRecord
from raytrain.results.wording import duration_text
from raytrain.search.budget import Allowance, Left, Pace, Took, Work
from raytrain.search.equivalents import probe_of
from raytrain.search.finalists import Repeat, finalists, further_seeds
from raytrain.study.study import Study, trial_name
from raytrain.trial.job import Trial
from raytrain.trial.run_progress import read_progress

_TELLS_FROM = 0.1
"""Of a trial: from this share on, what it has done tells what the rest takes."""
_ENDS_BEFORE, _ENDS_BEFORE_S = 0.01, 30.0
"""What is left for runs to save where they stand: a share of the budget, and at most so many seconds."""
_ASKED_AGAIN_AFTER_S = 2.0
_SAME_MOMENT_S = 0.5


log = logging.getLogger("raytrain")


class Later:
    """Not now: what runs may leave time, or tell how long trials take."""


LATER: Final = Later()


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is told of a budget, as of the last trial that began or ended."""

    budget_s: float
    set_aside_s: float = 0.0
    """For the finalists."""
    trials: int | None = None
    """How many more trials it buys, each trained to its end; None while that is not known."""


@dataclass
class _Running:
    trial: Trial
    work: Work
    since_s: float
    seen_before: int
    """Examples that it had trained on as it went on here."""


class Spending:
    """Asked before a trial starts, and told as it does and as it ends."""

    def __init__(self, study: Study) -> None:
        self._study, self.clock = study, Clock(study.folder)
        search = study.space.search
        self.budget_s = None if search.budget_hours is None else search.budget_hours * 3600
        self.price_per_hour = search.price_per_hour
        self._running: dict[int, _Running] = {}
        self._pace = Pace()
        self._learnt: set[str] = set()
        self._refused_s = 0.0
        self.told = Told(budget_s=self.budget_s or 0.0)
        self._moment: tuple[float, Pace, Left, list[list[Work]]] | None = None
        self._most_at_once = max((len(ran) for _, _, ran in stretches(study.history.records)), default=1)

    @property
    def ran_s(self) -> float:
        """Seconds that the study has run."""
        return self.clock.ran_s

    @property
    def left_s(self) -> float | None:
        """Seconds that are left; None where there is no budget."""
        return None if self.budget_s is None else max(0.0, self.budget_s - self.ran_s)

    @property
    def is_over(self) -> bool:
        """Whether what runs has to save where it stands."""
        if self.budget_s is None:
            return False
        return self.budget_s - self.ran_s <= min(_ENDS_BEFORE * self.budget_s, _ENDS_BEFORE_S)

    @cached_property
    def _allowance(self) -> Allowance:
        search, baseline = self._study.space.search, self._study.baseline
        return Allowance(
            budget_s=self.budget_s or 0.0,
            finalists=search.finalists,
            again=further_seeds(search, baseline),
            whole=self.work(baseline),
        )

    def work(self, config: Baseline, *, examples: int | None = None, trains_like: str | None = None) -> Work:
        """What a trial of this configuration has to do: all, where nothing else is said."""
        return Work(
            examples=max(1, self._study.budget_examples if examples is None else examples),
            batch_size=config.training.batch_size,
            cost=train_flops_per_clip(step_shape(config, UNKNOWN)),
            trains_like=trains_like,
        )

    def buys(self, config: Baseline, *, examples: int | None = None) -> bool:
        """Whether a trial of the search can end in time, with the finalists after it."""
        if self.budget_s is None:
            return True
        if self.is_over:
            return False
        work = self.work(config, examples=examples)
        _, pace, left, owed = self._now()
        return self._allowance.buys_trial(work, pace=pace, left=left, owed=owed)

    def buys_again(self, repeat: Repeat, *, examples: int | None = None) -> bool:
        """Whether a finalist's training can end in time."""
        if self.budget_s is None:
            return True
        work = self.work(repeat.finalist.config, examples=examples, trains_like=repeat.finalist.trial_id)
        _, pace, left, _ = self._now()
        return not self.is_over and self._allowance.buys_again(work, pace=pace, left=left)

    def num_finalists(self) -> int:
        """How many finalists, of those asked for, can be trained again in what is left."""
        if self.budget_s is None:
            return self._study.space.search.finalists
        _, pace, left, _ = self._now()
        return self._allowance.num_finalists(pace=pace, left=left)

    def waits(self) -> bool:
        """Whether to ask again later, without even drawing a sample: nobody knows yet how long trials take, or there
        was too little time a moment ago, and the same still runs."""
        if self.budget_s is None or not self._running:
            return False
        return not self._now()[1].took or time.monotonic() - self._refused_s < _ASKED_AGAIN_AFTER_S

    def refused(self) -> Later | None:
        """Nothing more can end in time: later perhaps, once something has ended; or never."""
        self._refused_s = time.monotonic()
        return LATER if self._running else None

    def has_left_over(self, *, since: int) -> bool:
        """Whether there is a budget with some of it left, and trials have ended beyond this number of them."""
        return self.budget_s is not None and not self.is_over and len(self._study.history.records) > since

    def starts(self, trial: Trial) -> None:
        """A trial is taken up, or has its hardware now."""
        seen = self.seen(trial.number)
        examples = (trial.job.end_at_examples or self._study.budget_examples) - seen
        work = self.work(trial.job.config, examples=examples, trains_like=trial.repeats)
        self._running[trial.number] = _Running(trial, work, time.monotonic(), seen)
        self._most_at_once = max(self._most_at_once, len(self._running))
        self._tell()

    def ends(self, record: TrialRecord) -> None:
        """A trial as it stands in the ledger."""
        self._running.pop(record.number, None)
        self._refused_s = 0.0
        self._tell()

    def seen(self, number: int) -> int:
        """Examples that a trial has trained on, as its worker wrote it down."""
        progress = read_progress(self._study.runs / trial_name(number))
        return 0 if progress is None else progress.examples_seen

    def say_after(self, record: TrialRecord) -> None:
        """Once the baseline's time is known, say what the budget buys."""
        if self.budget_s is None or record.number:
            return
        buys = "further trials" if self.told.trials is None else f"about {self.told.trials} more trials"
        log.info(
            "budget: %s are left; they buy %s, with %s set aside for finalists",
            duration_text(self.left_s or 0.0), buys, duration_text(self.told.set_aside_s),
        )  # fmt: skip

    def _tell(self) -> None:
        self._moment = None
        if self.budget_s is None:
            return
        _, pace, left, owed = self._now()
        self.told = Told(
            budget_s=self.budget_s,
            set_aside_s=self._allowance.set_aside_s(pace, owed, slots=left.slots),
            trials=self._allowance.trials(pace=pace, left=left, owed=owed),
        )

    def _now(self) -> tuple[float, Pace, Left, list[list[Work]]]:
        """What decides, as of less than a second ago: many samples are judged by it at once."""
        now_s = time.monotonic()
        if self._moment is None or now_s - self._moment[0] > _SAME_MOMENT_S:
            self._moment = (now_s, self._pace_now(), self._left(), self._owed())
        return self._moment

    def _left(self) -> Left:
        rests = [self._rest_s(one) for one in self._running.values()]
        return Left(seconds=self.left_s or 0.0, running_s=rests, slots=self._most_at_once)

    def _rest_s(self, one: _Running) -> float:
        passed_s = time.monotonic() - one.since_s
        done = (self.seen(one.trial.number) - one.seen_before) / one.work.examples
        if done >= _TELLS_FROM:
            return passed_s * max(0.0, 1 - done) / done
        takes_s = self._pace.at_most(one.work)
        return max((takes_s or 0.0) - passed_s, 0.1 * passed_s)

    def _owed(self) -> list[list[Work]]:
        """Of the baseline first, then of each finalist: what is still to be trained again."""
        search, records = self._study.space.search, self._study.history.records
        ended = {(one.finalist_of, one.seed) for one in records if one.finalist_of is not None}
        limit_gib = self._study.description.memory_limit_gib
        return [
            [
                self.work(one.config, trains_like=one.trial_id)
                for further in range(1, self._allowance.again + 1)
                if (one.trial_id, one.seed + further) not in ended
            ]
            for one in finalists(records, count=search.finalists, memory_limit_gib=limit_gib)
        ]

    def _pace_now(self) -> Pace:
        """By the trials that have ended; before one has, by how far those have come that run."""
        records = self._study.history.records
        if len(self._learnt) < len(records):
            for took in self._took([one for one in records if one.trial_id not in self._learnt]):
                self._pace.learn(took)
            self._learnt |= {one.trial_id for one in records}
        if self._pace.took:
            return self._pace
        first = Pace()
        for one in self._running.values():
            done = self.seen(one.trial.number) - one.seen_before
            if done >= _TELLS_FROM * one.work.examples:
                seconds = time.monotonic() - one.since_s
                first.learn(
                    Took(
                        examples=done, batch_size=one.work.batch_size, cost=one.work.cost,
                        trial_id=one.trial.trial_id, seconds=seconds,
                    )
                )  # fmt: skip
        return first

    def _took(self, records: Sequence[TrialRecord]) -> list[Took]:
        """Of those that trained on anything in one go: what one took that went on after a stop nobody wrote down."""
        began = {trial.number: trial.started_at for trial in self._study.history.begun()}
        return [
            self._one(record)
            for record in records
            if record.examples_seen and record.wall_s > 0 and not self._went_on(record, began.get(record.number))
        ]

    def _one(self, record: TrialRecord) -> Took:
        examples, seconds = record.examples_seen, record.wall_s
        if record.inherited_from is not None:
            _, examples = probe_of(record.config, budget_examples=self._study.budget_examples)
        speed = record.train_examples_per_s
        work = self.work(record.config, examples=examples, trains_like=record.finalist_of)
        return Took(
            **vars(work), trial_id=record.trial_id, seconds=seconds,
            training_s=min(seconds, examples / speed) if speed else None,
        )  # fmt: skip

    def _went_on(self, record: TrialRecord, began: str | None) -> bool:
        if began is None:
            return False
        first, last = (datetime.fromisoformat(moment) for moment in (began, record.started_at))
        return any(first < datetime.fromisoformat(start) <= last for start in self.clock.starts())
