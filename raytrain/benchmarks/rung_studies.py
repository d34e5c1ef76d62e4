"""A study with rungs, rehearsed: a surface and a seed in; trials that are stopped, and can be finished later, out.

Trials run one after the other. What stops them is the study's own scheduler, what proposes them its own sampler; how
their WERs come about is learning_curves'.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
from optuna.trial import TrialState

from raytrain.benchmarks.learning_curves import Curve, Way, way_of
from raytrain.benchmarks.rivals import OurSampler
from raytrain.benchmarks.surfaces import RehearsedCard, Surface
from raytrain.config.space import Scheduler
from raytrain.memory.fitting import Peak
from raytrain.results.records import WORST_OBJECTIVE
from raytrain.search.axes import Sample
from raytrain.search.coordinates import Coordinates
from raytrain.search.encoding import Tried
from raytrain.search.improvement import candidates, improvement
from raytrain.search.knowledge import knowledge
from raytrain.search.sampler import to_learn_from
from raytrain.search.splits import Splits

MOST_TRIALS = 200
_BUDGET, _RUNGS = 20_000, (2_000, 6_000, 18_000)
_SCHEDULER = Scheduler(first_rung_examples=_RUNGS[0], reduction=3)
_BROKE_COST = {True: 0.01, False: 0.05}
"""Whole trainings that a trial costs which runs out of memory, and which diverges."""


@dataclass
class Trained:
    """A trial of a rehearsed study."""

    number: int
    sample: Sample
    true_wer: float
    way: Way | None
    end: float
    state: TrialState = TrialState.RUNNING
    seen: dict[int, float] = field(default_factory=dict)
    violation: float = 0.0
    cost: float = 0.0

    @property
    def rest(self) -> float:
        """What it lacks, in whole trainings."""
        return 1 - max(self.seen, default=0) / _BUDGET

    def tried(self) -> Tried:
        is_over = self.state == TrialState.COMPLETE
        return Tried(
            sample=self.sample,
            state=self.state,
            objectives=(min(self.end, WORST_OBJECTIVE),) if is_over else (),
            intermediate=dict(self.seen),
            violation=self.violation,
            was_trained=is_over and math.isfinite(self.end),
        )


class StudyWithRungs(OurSampler):
    """The sampler with rungs, a cost, and trials that can be finished later."""

    def __init__(self, surface: Surface, kind: str, *, seed: int, stops: bool) -> None:
        super().__init__(surface, seed=seed, trials=MOST_TRIALS)
        from raytrain.study.scheduler import RungScheduler

        self._kind, self._seed = kind, seed
        self._card = RehearsedCard(surface, seed=seed)
        self._rungs = RungScheduler(_SCHEDULER, {}) if stops else None
        self.trained: list[Trained] = []
        self.cost = 0.0
        self.path: list[tuple[float, float]] = []
        """Cost, and regret from there on."""

    @property
    def best_wer(self) -> float:
        return self._card.best_wer

    @property
    def leader(self) -> Trained | None:
        whole = [one for one in self.trained if one.state == TrialState.COMPLETE and math.isfinite(one.end)]
        return min(whole, key=lambda one: one.end, default=None)

    def stopped(self) -> list[Trained]:
        return [one for one in self.trained if one.state == TrialState.PRUNED]

    def train(self, number: int, sample: Sample) -> None:
        """Train a sample until it is stopped, breaks, or ends."""
        ended = self._card.train(number, sample)
        self._peaks.append(Peak(predicted_gib=self._surface.predicted_gib(sample), measured_gib=ended.peak_gib))
        one = Trained(number, sample, self._surface.true_wer(sample), None, ended.wer or math.inf)
        one.violation = 0.1 if ended.peak_gib is None else ended.peak_gib - self._surface.wall_gib
        self.trained.append(one)
        if ended.wer is None:
            one.state, one.cost = TrialState.COMPLETE, _BROKE_COST[ended.out_of_memory]
            self.cost += one.cost
            self._told()
            return
        one.way = way_of(
            self._surface, self._kind, sample, seed=self._seed, number=number, best_wer=self.best_wer, end=ended.wer
        )
        for rung in _RUNGS:
            one.seen[rung] = one.way.wer(rung / _BUDGET)
            if self._says_stop(number, rung, one.seen[rung]):
                one.state, one.cost = TrialState.PRUNED, rung / _BUDGET
                self.cost += one.cost
                self._told()
                return
        one.cost = 1.0
        self._ends(one, 1.0)

    def finish(self, one: Trained) -> None:
        """Train one that was stopped to its end."""
        assert one.way is not None
        rest = one.rest
        one.seen |= {rung: one.way.wer(rung / _BUDGET) for rung in _RUNGS}
        self._ends(one, rest)

    def worth_finishing(self, number: int) -> Trained | None:
        """The stopped trial whose expected improvement for what it lacks is the greatest, if a new one's is less."""
        stopped, axes = self.stopped(), self._surface.axes
        told = to_learn_from(axes, self._tried, search=self._search)
        known = knowledge(axes, told, search=self._search)
        splits = Splits(axes, self._tried, search=self._search, fits=self._fits, seed=number)
        wanted = candidates(axes, known, splits, random=np.random.default_rng([self._seed, number]))
        if not (stopped and wanted and math.isfinite(known.best)):
            return None
        new = known.coordinates.of([one.size for one in wanted], [one.others for one in wanted])
        old = known.coordinates.of_samples([one.sample for one in stopped])
        gains = []
        for points in (new, old):
            mean, spread = known.posterior.predict(points)
            gains.append(improvement(known.best - mean, spread))
        for_cost = gains[1] / np.array([one.rest for one in stopped])
        of_new = float(gains[0].max()) / statistics.mean(one.cost for one in self.trained)
        place = int(for_cost.argmax())
        return stopped[place] if for_cost[place] > of_new else None

    def curves(self, some: Sequence[Trained]) -> list[Curve]:
        """As learning_curves has them."""
        coordinates = Coordinates(self._surface.axes, learning_rate_scaling=self._search.learning_rate_scaling)
        points = coordinates.of_samples([one.sample for one in some])
        return [
            Curve(point=list(point), seen={rung / _BUDGET: wer for rung, wer in one.seen.items()}, end=one.end)
            for one, point in zip(some, points, strict=True)
        ]

    def _says_stop(self, number: int, rung: int, wer: float) -> bool:
        if self._rungs is None:
            return False
        trial = SimpleNamespace(config={"trial": SimpleNamespace(number=number, probes=None)})
        return self._rungs.on_trial_result(None, trial, {"examples_seen": rung, "objective": wer}) == "STOP"

    def _ends(self, one: Trained, cost: float) -> None:
        one.state = TrialState.COMPLETE
        self.cost += cost
        self._told()
        leader = self.leader
        assert leader is not None
        self.path.append((self.cost, leader.true_wer / self.best_wer - 1))

    def _told(self) -> None:
        self._tried = [one.tried() for one in self.trained]
