"""A budget, rehearsed on a simulated clock: trials whose time no forecast knows in; when studies end, and what they
used, out.

The policy is the study's own (raytrain.search.budget). What is invented: how long trainings take, and which of them the
scheduler stops.
"""

import heapq
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from raytrain.benchmarks.searches import with_every_seed
from raytrain.search.budget import Allowance, Left, Pace, Took, Work

KINDS = {
    "speed": "the machine is up to twice as fast or as slow as forecast, and so is each trial on it, to 5 %",
    "configurations": "each configuration takes up to twice or half the forecast, and as long again with another seed",
    "trainings": "each training takes up to twice or half the forecast, whatever it trains",
    "drift": "from a moment in the middle on the machine is up to twice as fast or as slow as before",
}
EXPECTED = {"late_max": 0.05, "used_median": 0.9}
"""Of a budget: by how much a study may end late, and what the studies use of it, at least."""
_EXAMPLES, _BATCHES = 20_000, (1, 2, 4, 8, 16, 32)
_BASELINE_BATCH = 8
_SECONDS = 1000.0
"""A trial of the baseline's batch size, as it is forecast before anything has run."""
_LENGTHS = (8.0, 60.0)
"""Budgets, in such trials."""
_FINALISTS, _AGAIN, _REDUCTION = 3, 2, 3
_SAVING_S = (1.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedBudget:
    """One study, as shares of its budget."""

    late: float
    """By how much it ended after its budget."""
    used: float
    unfinished: float
    """What went into trainings that were saved, and not ended, as the budget did."""
    trials: int
    """Of the search, that ended."""
    again: int
    """Finalists' trainings that ended."""


@dataclass
class _Machine:
    """How long trainings take, and where the scheduler stops them; by the seed alone."""

    kind: str
    seed: int
    draws: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.draws = np.random.default_rng([self.seed, list(KINDS).index(self.kind)])
        self.slots = int(self.draws.choice([1, 1, 2, 4]))
        self.speed = self._off() if self.kind == "speed" else 1.0
        self.budget_s = _SECONDS * float(np.exp(self.draws.uniform(*np.log(_LENGTHS))))
        self.turns_s = self.budget_s * self.draws.uniform(0.25, 0.95)
        self.speed_after = self._off() if self.kind == "drift" else 1.0

    def trial_s(self, batch_size: int) -> float:
        """A whole training of the search, as long as nothing changes."""
        law_s = _SECONDS * self.speed * (1 + 2 / batch_size) / (1 + 2 / _BASELINE_BATCH)
        return law_s * (self.draws.uniform(0.95, 1.05) if self.kind in ("speed", "drift") else self._off())

    def again_s(self, trial_s: float) -> float:
        """The same training with another seed."""
        return self._off() * _SECONDS if self.kind == "trainings" else trial_s * self.draws.uniform(0.97, 1.03)

    def end_s(self, began_s: float, trial_s: float) -> float:
        """When a training ends that begins at a moment and would take so long at first."""
        before_s = max(0.0, self.turns_s - began_s)
        return began_s + min(trial_s, before_s) + max(0.0, trial_s - before_s) * self.speed_after

    def share_trained(self) -> float:
        """How far a trial comes: one in three to its end."""
        return float(self.draws.choice([1.0, 1 / _REDUCTION, 1 / _REDUCTION**2]))

    def _off(self) -> float:
        return float(np.exp(self.draws.uniform(-math.log(2), math.log(2))))


@dataclass(order=True)
class _Run:
    ends_s: float
    began_s: float
    work: Work = field(compare=False)
    share: float = field(compare=False)
    """How far it comes."""
    whole_s: float = field(compare=False)
    """What it would take to its end."""
    trial_id: str = field(compare=False)


class _Study:
    """A study by its clock alone: what runs, what has ended, and what is owed to the finalists."""

    def __init__(self, machine: _Machine) -> None:
        self.machine = machine
        self.allowance = Allowance(
            budget_s=machine.budget_s, finalists=_FINALISTS, again=_AGAIN,
            whole=Work(examples=_EXAMPLES, batch_size=_BASELINE_BATCH),
        )  # fmt: skip
        self.now_s, self.running = 0.0, list[_Run]()
        self.pace = Pace()
        self.whole: dict[str, tuple[Work, float, float]] = {}
        """Trials that were trained to their end: what they train, how long that takes, and their WER."""
        self.first_s: dict[str, float] = {}
        self.again: dict[str, int] = {}

    def run(self) -> RehearsedBudget:
        """From the baseline to the end of the budget, or to where it buys nothing more."""
        began = -1
        while began < len(self.pace.took):  # what finalists left over buys further trials
            began = len(self.pace.took)
            self._search()
            self._finalists()
        ended_s = self.now_s
        stopped_s = sum(ended_s - one.began_s for one in self.running)
        if self.running:
            ended_s += self.machine.draws.uniform(*_SAVING_S)
        budget_s = self.machine.budget_s
        return RehearsedBudget(
            late=max(0.0, ended_s / budget_s - 1),
            used=min(1.0, ended_s / budget_s),
            unfinished=stopped_s / (budget_s * self.machine.slots),
            trials=sum(one.trains_like is None for one in self.pace.took),
            again=sum(one.trains_like is not None for one in self.pace.took),
        )

    def _search(self) -> None:
        while not self.is_over:
            batch_size = int(self.machine.draws.choice(_BATCHES)) if self.pace.took or self.running else _BASELINE_BATCH
            work = Work(examples=_EXAMPLES, batch_size=batch_size)
            is_free = len(self.running) < self.machine.slots and (self.pace.took or not self.running)
            if is_free and self.allowance.buys_trial(work, pace=self.pace, left=self._left(), owed=self._owed()):
                whole_s = self.machine.trial_s(batch_size)
                share = self.machine.share_trained() if self.pace.took else 1.0
                self._begin(work, whole_s, share)
                continue
            if not self.running:
                return
            self._next_end()

    def _finalists(self) -> None:
        count = self.allowance.num_finalists(pace=self.pace, left=self._left())
        chosen = [list(of_one) for of_one in self._owed()[: count + 1]]
        missing = [of_one[turn] for turn in range(_AGAIN) for of_one in chosen if turn < len(of_one)]
        while not self.is_over and (missing or self.running):
            if missing and len(self.running) < self.machine.slots:
                work = missing.pop(0)
                if self.allowance.buys_again(work, pace=self.pace, left=self._left()):
                    assert work.trains_like is not None
                    self._begin(work, self.machine.again_s(self.whole[work.trains_like][1]), 1.0)
                continue
            self._next_end()

    @property
    def is_over(self) -> bool:
        return self.now_s >= self.machine.budget_s

    def _left(self) -> Left:
        rests = []
        for one in self.running:
            # A run says how far it is: from a tenth on that tells how long it takes.
            passed_s = self.now_s - one.began_s
            known_s = one.whole_s if passed_s > 0.1 * one.whole_s else self.pace.at_most(one.work) or one.whole_s
            rests.append(max(0.0, known_s - passed_s))
        return Left(seconds=self.machine.budget_s - self.now_s, running_s=rests, slots=self.machine.slots)

    def _owed(self) -> list[list[Work]]:
        """Of the baseline first, then of the others trained to their end, the best first."""
        if "0" not in self.whole:
            return []
        others = sorted((one for one in self.whole if one != "0"), key=lambda one: self.whole[one][2])[:_FINALISTS]
        return [
            [
                Work(examples=_EXAMPLES, batch_size=self.whole[one][0].batch_size, trains_like=one)
                for _ in range(_AGAIN - self.again.get(one, 0))
            ]
            for one in (["0", *others] if others else [])
        ]

    def _begin(self, work: Work, whole_s: float, share: float) -> None:
        trial_id = str(len(self.pace.took) + len(self.running))
        end_s = self.machine.end_s
        whole_here_s = end_s(self.now_s, whole_s) - self.now_s
        run = _Run(end_s(self.now_s, share * whole_s), self.now_s, work, share, whole_here_s, trial_id)
        self.first_s.setdefault(trial_id, whole_s)
        heapq.heappush(self.running, run)

    def _next_end(self) -> None:
        """Let time pass until a trial ends, or the budget does."""
        if self.running[0].ends_s >= self.machine.budget_s:
            self.now_s = self.machine.budget_s
            return
        one = heapq.heappop(self.running)
        self.now_s = one.ends_s
        seconds = one.ends_s - one.began_s
        like = one.work.trains_like
        examples = round(one.work.examples * one.share)
        self.pace.learn(
            Took(
                examples=examples,
                batch_size=one.work.batch_size,
                trains_like=like,
                trial_id=one.trial_id,
                seconds=seconds,
            )
        )
        if like is not None:
            self.again[like] = self.again.get(like, 0) + 1
        elif examples == _EXAMPLES:
            self.whole[one.trial_id] = (one.work, self.first_s[one.trial_id], float(self.machine.draws.uniform()))


def rehearse(kind: str, *, seed: int, trials: int) -> RehearsedBudget:
    """One study; how many trials it has its budget decides."""
    return _Study(_Machine(kind, seed)).run()


def compare(*, seeds: int) -> dict[str, dict[str, Any]]:
    """By kind: the figures of the studies, the worst or the middle one."""
    ended = with_every_seed(rehearse, product(KINDS), trials=0, seeds=seeds)
    return {kind: summary(next(ended)) for kind in KINDS}


def held(figures: dict[str, float]) -> bool:
    """Whether what was asked of a budget held."""
    return figures["late_max"] <= EXPECTED["late_max"] and figures["used_median"] >= EXPECTED["used_median"]


def summary(studies: Sequence[RehearsedBudget]) -> dict[str, float]:
    return {
        "late_max": round(max(one.late for one in studies), 4),
        "used_median": round(statistics.median(one.used for one in studies), 4),
        "used_min": round(min(one.used for one in studies), 4),
        "unfinished_median": round(statistics.median(one.unfinished for one in studies), 4),
        "unfinished_max": round(max(one.unfinished for one in studies), 4),
        "trials_median": statistics.median(one.trials for one in studies),
        "again_median": statistics.median(one.again for one in studies),
    }
