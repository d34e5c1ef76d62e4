"""Searches that end by themselves, rehearsed beside all their trials: surfaces in; hours and what was missed out."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from raytrain.benchmarks.rivals import OurSampler
from raytrain.benchmarks.searches import NEAR, with_every_seed
from raytrain.benchmarks.surfaces import RehearsedCard, Surface

EXPECTED = {"hours_share_median": 0.5, "missed_share": 0.05}
"""Share of the hours of all trials, at most; and of the studies that miss more than 2 % of the WER, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedEnd:
    """One search of one seed: where it ended by itself, beside all of its trials."""

    trials: int
    hours: float
    hours_of_all: float
    above_all: float
    """By which share its winner's WER without noise lies above that of the winner of all trials."""


def rehearse(surface: Surface, *, seed: int, trials: int) -> RehearsedEnd:
    """Rehearse one search to its last trial, and note where it would have ended."""
    card, searcher = RehearsedCard(surface, seed=seed), OurSampler(surface, seed=seed, trials=trials)
    hours, lowest, chosen = 0.0, math.inf, math.inf
    end: tuple[int, float, float] | None = None
    for number in range(trials):
        if end is None and number and searcher.is_done(number):
            end = (number, hours, chosen)
        sample = searcher.suggest(number)
        if sample is None:
            break
        ended = card.train(number, sample)
        searcher.learn(number, sample, ended)
        hours += card.hours(sample, ended)
        if ended.wer is not None and ended.wer < lowest:
            lowest, chosen = ended.wer, surface.true_wer(sample)
    at, spent, found = end or (trials, hours, chosen)
    return RehearsedEnd(trials=at, hours=spent, hours_of_all=hours, above_all=found / chosen - 1)


def compare(surfaces: Sequence[Surface], *, trials: int, seeds: int) -> Iterator[tuple[str, dict[str, float]]]:
    """For each surface, one at a time, its name and its figures over the seeds; last those of all, under "all"."""
    every: list[RehearsedEnd] = []
    ended = with_every_seed(rehearse, [(surface,) for surface in surfaces], trials=trials, seeds=seeds)
    for surface in surfaces:
        of_surface = next(ended)
        every += of_surface
        yield surface.name, _summary(of_surface)
    yield "all", _summary(every)


def held(of_all: dict[str, float]) -> dict[str, bool]:
    """Whether what was predicted held over all surfaces."""
    return {name: of_all[name] <= most for name, most in EXPECTED.items()}


def _summary(rehearsals: Sequence[RehearsedEnd]) -> dict[str, float]:
    missed = sum(one.above_all > NEAR for one in rehearsals)
    return {
        "trials_median": statistics.median(one.trials for one in rehearsals),
        "hours_share_median": round(statistics.median(one.hours / one.hours_of_all for one in rehearsals), 3),
        "hours_share": round(sum(one.hours for one in rehearsals) / sum(one.hours_of_all for one in rehearsals), 3),
        "missed_share": round(missed / len(rehearsals), 3),
        "above_all_max": round(max(one.above_all for one in rehearsals), 4),
    }
