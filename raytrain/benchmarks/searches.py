"""The search, rehearsed with no cluster: surfaces and ways to search in; lost trials, speed and regret of each out."""

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from typing import Any, TypeVar

from raytrain.benchmarks.rivals import (
    GridSearch,
    OptunaGaussian,
    OurSampler,
    OurTpe,
    RandomDraws,
    Rival,
    StockOptuna,
)
from raytrain.benchmarks.surfaces import RehearsedCard, Surface
from raytrain.errors import InputError

Rehearsed = TypeVar("Rehearsed")
RIVALS: dict[str, Callable[..., Rival]] = {
    "ours": OurSampler,
    "tpe": OurTpe,
    "stock_optuna": StockOptuna,
    "random": RandomDraws,
    "grid": GridSearch,
}
SLOW_RIVALS: dict[str, Callable[..., Rival]] = {"optuna_gp": OptunaGaussian}
"""Rehearsed only where they are asked for: a search takes minutes."""
EXPECTED = {
    "ours_out_of_memory_median": 1,
    "ours_out_of_memory_max": 3,
    "stock_optuna_out_of_memory_median": 50,
    "ours_trials_to_2_percent_as_share_of_stock_optuna": 0.6,
}
"""What was predicted before anything was measured: upper bounds, but for the stock searcher a rough figure; the share
as the median over the surfaces."""
NEAR = 0.02
"""How far above the best WER, as a share of it, a search has found it."""


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
    searcher = (RIVALS | SLOW_RIVALS)[rival](surface, seed=seed, trials=trials)
    return run(surface, searcher, seed=seed, trials=trials)


def run(surface: Surface, searcher: Rival, *, seed: int, trials: int, only_until_near: bool = False) -> RehearsedSearch:
    """One search as its trials would end on this seed's card: all of it, or only until it is within 2 % of the best."""
    card = RehearsedCard(surface, seed=seed)
    near = card.best_wer * (1 + NEAR)
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
        if only_until_near and reached < trials:
            break
    return RehearsedSearch(
        out_of_memory=out_of_memory,
        trials_to_2_percent=reached,
        hours_to_2_percent=hours,
        regret=max(0.0, chosen / card.best_wer - 1),
    )


def compare(
    surfaces: Sequence[Surface], rivals: Sequence[str] = tuple(RIVALS), *, trials: int, seeds: int
) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """For each surface, one at a time, its name and the figures of each way to search, summed up over the seeds."""
    ended = with_every_seed(rehearse, product(surfaces, rivals), trials=trials, seeds=seeds)
    for surface in surfaces:
        yield surface.name, {rival: _summary(next(ended)) for rival in rivals}


def slow_rivals() -> tuple[str, ...]:
    """Those that are rehearsed only where they are asked for; InputError where what they need is missing."""
    if find_spec("scipy") is None:
        raise InputError("raytrain.bench search --part optuna_gp: Optuna's Gaussian process needs scipy; install it")
    return tuple(SLOW_RIVALS)


def with_every_seed(
    rehearse: Callable[..., Rehearsed], cases: Iterable[Sequence[Any]], *, trials: int, seeds: int
) -> Iterator[list[Rehearsed]]:
    """For each case, in order, its rehearsals with seeds from 0 on, in as many processes as there are cores."""
    with ProcessPoolExecutor() as pool:
        running = [[pool.submit(rehearse, *case, seed=seed, trials=trials) for seed in range(seeds)] for case in cases]
        for of_case in running:
            yield [one.result() for one in of_case]


def held(found: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Whether what was predicted held, by what was measured on these surfaces."""
    to_near = {
        name: {rival: figures["trials_to_2_percent_median"] for rival, figures in of_rivals.items()}
        for name, of_rivals in found.items()
    }
    shares = [one["ours"] / one["stock_optuna"] for one in to_near.values() if one["stock_optuna"]]
    share = round(statistics.median(shares), 3) if shares else None
    return {
        "memory": {
            name: of_rivals["ours"]["out_of_memory_median"] <= EXPECTED["ours_out_of_memory_median"]
            and of_rivals["ours"]["out_of_memory_max"] <= EXPECTED["ours_out_of_memory_max"]
            for name, of_rivals in found.items()
        },
        "as_share_of_stock_optuna_median": share,
        "speed": share is not None and share <= EXPECTED["ours_trials_to_2_percent_as_share_of_stock_optuna"],
        "no_slower_than_stock_optuna_and_grid": {
            name: one["ours"] <= min(one["stock_optuna"], one["grid"]) for name, one in to_near.items()
        },
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
