"""What stopping trials at rungs loses, rehearsed, and what finishing some would bring: surfaces in; figures out.

Studies of as many whole trainings as each other, in one of three ways: no trial is stopped; trials are stopped at rungs
as a study stops them; and besides, one that was stopped is finished where that can be expected to gain more for its
cost than a new trial. Beside them stands what hindsight would have finished.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from optuna.trial import TrialState

from raytrain.benchmarks.learning_curves import FORETOLD, KINDS, judged
from raytrain.benchmarks.rung_studies import StudyWithRungs
from raytrain.benchmarks.searches import NEAR, with_every_seed
from raytrain.benchmarks.surfaces import Surface

WAYS = ("never_stopped", "stopped", "taken_up")
WHOLE = 10.0
"""Whole trainings that a study may cost: about what 20 trials come to of which most are stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedStudy:
    """One study of one seed. WERs are without noise, as shares above the best."""

    trials: int
    finished_later: int
    regret: float
    """Of the trial that reported the lowest WER of those trained to their end."""
    lost_by_stopping: float
    """By how much more than the best trial that was stopped would have come to."""
    cost_to_2_percent: float
    foretold: dict[str, tuple[tuple[float, float], ...]]
    """Of the stopped: what each way foretold their end to be, and what it would have been; as shares of the best."""


def rehearse(surface: Surface, kind: str, way: str, *, seed: int, trials: int) -> RehearsedStudy:
    """One study, for as long as it may cost; at most so many trials."""
    study = StudyWithRungs(surface, kind, seed=seed, stops=way != "never_stopped")
    finished = 0
    while study.cost < WHOLE and len(study.trained) < trials:
        number = len(study.trained)
        again = study.worth_finishing(number) if way == "taken_up" and number > 2 else None
        if again is not None:
            study.finish(again)
            finished += 1
            continue
        sample = study.suggest(number)
        if sample is None:
            break
        study.train(number, sample)
    return _ended(study, finished)


def _ended(study: StudyWithRungs, finished: int) -> RehearsedStudy:
    within = [regret for cost, regret in study.path if cost <= WHOLE]
    regret = within[-1] if within else 1.0
    stopped, leader = study.stopped(), study.leader
    lost = 0.0
    if stopped and leader is not None:
        lost = max(0.0, leader.true_wer / min(one.true_wer for one in stopped) - 1)
    whole = [one for one in study.trained if one.state == TrialState.COMPLETE and one.way is not None]
    curves, ended = study.curves(stopped), study.curves(whole)
    return RehearsedStudy(
        trials=len(study.trained),
        finished_later=finished,
        regret=max(0.0, regret),
        lost_by_stopping=lost,
        cost_to_2_percent=min(next((cost for cost, found in study.path if found <= NEAR), WHOLE), WHOLE),
        foretold={
            name: tuple((foretell(one, ended) / study.best_wer, one.end / study.best_wer) for one in curves)
            for name, foretell in FORETOLD.items()
        },
    )


def compare(surfaces: Sequence[Surface], *, trials: int, seeds: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each kind of curves, one at a time, its name and the figures over all surfaces and seeds."""
    cases = [(surface, kind, way) for kind, way, surface in product(KINDS, WAYS, surfaces)]
    ended = with_every_seed(rehearse, cases, trials=trials, seeds=seeds)
    for kind in KINDS:
        found: dict[str, Any] = {}
        for way in WAYS:
            of_surfaces = {surface.name: next(ended) for surface in surfaces}
            every = [one for some in of_surfaces.values() for one in some]
            found[way] = _summary(every)
            found[way]["regret_mean_by_surface"] = {
                name: round(statistics.mean(one.regret for one in some), 4) for name, some in of_surfaces.items()
            }
            if way == "stopped":
                found["foretold"] = {
                    name: judged([pair for one in every for pair in one.foretold[name]]) for name in FORETOLD
                }
        yield kind, found


def _summary(studies: Sequence[RehearsedStudy]) -> dict[str, Any]:
    return {
        "trials_median": statistics.median(one.trials for one in studies),
        "finished_later_mean": round(statistics.mean(one.finished_later for one in studies), 2),
        "regret_median": round(statistics.median(one.regret for one in studies), 4),
        "regret_mean": round(statistics.mean(one.regret for one in studies), 4),
        "above_2_percent": round(sum(one.regret > NEAR for one in studies) / len(studies), 3),
        "whole_trainings_to_2_percent_mean": round(statistics.mean(one.cost_to_2_percent for one in studies), 2),
        "lost_by_stopping_mean": round(statistics.mean(one.lost_by_stopping for one in studies), 4),
        "more_than_2_percent_lost": round(sum(one.lost_by_stopping > NEAR for one in studies) / len(studies), 3),
    }
