"""The search, rehearsed with no cluster: surfaces and ways to search in; lost trials, speed and regret of each out."""

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

from raytrain.benchmarks.rivals import GridSearch, OurSampler, RandomDraws, Rival, StockOptuna
from raytrain.benchmarks.surfaces import RehearsedCard, Surface, surfaces

Rehearsed = TypeVar("Rehearsed")
RIVALS: dict[str, Callable[..., Rival]] = {
    "ours": OurSampler,
    "stock_optuna": StockOptuna,
    "random": RandomDraws,
    "grid": GridSearch,
}
EXPECTED = {
    "ours_out_of_memory_median": 1,
    "ours_out_of_memory_max": 3,
    "stock_optuna_out_of_memory_median": 50,
    "ours_trials_to_2_percent_as_share_of_random": 0.5,
}
"""What was predicted before anything was measured: upper bounds, but for the stock searcher a rough figure."""
_NEAR = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedSearch:
    """One search of one seed."""

    out_of_memory: int
    trials_to_2_percent: int
    """The number of the first trial whose WER without noise is within 2 % of the best; if none is, that of all."""
    hours_to_2_percent: float
    """Hours of training until the first trial within 2 % of the best has ended, one trial after the other."""
    regret: float
    """By which share the winner's WER without noise lies above the best; the winner reported the lowest WER."""


def rehearse(surface: Surface, rival: str, *, seed: int, trials: int) -> RehearsedSearch:
    """Rehearse one search, from the baseline on."""
    card, searcher = RehearsedCard(surface, seed=seed), RIVALS[rival](surface, seed=seed, trials=trials)
    near = card.best_wer * (1 + _NEAR)
    out_of_memory, reached, hours = 0, trials, 0.0
    lowest, chosen = math.inf, math.inf
    for number in range(trials):
        sample = searcher.suggest(number)
        if sample is None:
            break
        ended = card.train(number, sample)
        searcher.learn(number, sample, ended)
        out_of_memory += ended.out_of_memory
        if reached == trials:
            hours += card.hours(sample, ended)
        if ended.wer is not None:
            wer = surface.true_wer(sample)
            reached = min(reached, number) if wer <= near else reached
            if ended.wer < lowest:
                lowest, chosen = ended.wer, wer
    return RehearsedSearch(
        out_of_memory=out_of_memory,
        trials_to_2_percent=reached,
        hours_to_2_percent=hours,
        regret=max(0.0, chosen / card.best_wer - 1),
    )


def measure_surfaces(*, trials: int, seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Every way to search on every surface: what was found, what was expected, and whether that held."""
    found = {}
    for name, of_rivals in compare(asked := surfaces(), trials=trials, seeds=seeds):
        found[name] = of_rivals
        for rival, figures in of_rivals.items():
            say(f"{name}: {rival}: " + ", ".join(f"{key} {value:g}" for key, value in figures.items()))
    return {
        "trials": trials,
        "seeds": seeds,
        "surfaces": found,
        "about": {surface.name: surface.about for surface in asked},
        "expected": EXPECTED,
        "held": {name: held(of_rivals) for name, of_rivals in found.items()},
    }


def compare(
    surfaces: Sequence[Surface], *, trials: int, seeds: int
) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """For each surface, one at a time, its name and the figures of each way to search, summed up over the seeds."""
    ended = with_every_seed(rehearse, product(surfaces, RIVALS), trials=trials, seeds=seeds)
    for surface in surfaces:
        yield surface.name, {rival: _summary(next(ended)) for rival in RIVALS}


def with_every_seed(
    rehearse: Callable[..., Rehearsed], cases: Iterable[Sequence[Any]], *, trials: int, seeds: int
) -> Iterator[list[Rehearsed]]:
    """For each case, in order, its rehearsals with seeds from 0 on, in as many processes as there are cores."""
    with ProcessPoolExecutor() as pool:
        running = [[pool.submit(rehearse, *case, seed=seed, trials=trials) for seed in range(seeds)] for case in cases]
        for of_case in running:
            yield [one.result() for one in of_case]


def held(found: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Whether what was predicted of a surface held, by what was measured on it."""
    ours, at_random = found["ours"], found["random"]
    share = EXPECTED["ours_trials_to_2_percent_as_share_of_random"]
    return {
        "memory": ours["out_of_memory_median"] <= EXPECTED["ours_out_of_memory_median"]
        and ours["out_of_memory_max"] <= EXPECTED["ours_out_of_memory_max"],
        "speed": ours["trials_to_2_percent_median"] <= share * at_random["trials_to_2_percent_median"],
    }


def _summary(rehearsals: Sequence[RehearsedSearch]) -> dict[str, float]:
    lost = [one.out_of_memory for one in rehearsals]
    return {
        "out_of_memory_median": statistics.median(lost),
        "out_of_memory_max": max(lost),
        "trials_to_2_percent_median": statistics.median(one.trials_to_2_percent for one in rehearsals),
        "hours_to_2_percent_median": round(statistics.median(one.hours_to_2_percent for one in rehearsals), 2),
        "regret_median": round(statistics.median(one.regret for one in rehearsals), 5),
    }
