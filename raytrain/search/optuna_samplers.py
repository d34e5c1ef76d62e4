"""Optuna's samplers over a study's history: axes and what was tried in; draws without end out."""

import math
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal, assert_never

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from raytrain.config.space import Search
from raytrain.results.choose import MEASURES
from raytrain.search.axes import Axes
from raytrain.search.encoding import Tried, Wanted, decoded, distributions, drawn_one_by_one, encoded

OptunaSampler = Literal["tpe", "random", "nsga2"]
_RANDOM_FIRST = 5
"""Trials, the baseline among them, before TPE believes what it sees."""
_POPULATION = 8
"""Completed trials in a generation of NSGA-II. Optuna's fifty are more than most studies have."""
_GENERATION = optuna.samplers.NSGAIISampler._get_generation_key()


def drawn(axes: Axes, told: Sequence[Tried], *, search: Search, sampler: OptunaSampler, seed: int) -> Iterator[Wanted]:
    """What the sampler of this name draws next, and next if that cannot be had."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # A copy of the study, so that draws thrown away leave no trace in the one that is kept.
    study = optuna.create_study(
        sampler=_sampler(sampler, seed),
        directions=[StudyDirection.MINIMIZE] * (len(MEASURES) if search.is_pareto else 1),
    )
    study.add_trials(_history(axes, told, is_pareto=search.is_pareto, takes_over=sampler == "nsga2"))
    while True:
        trial = study.ask()
        yield decoded(axes, drawn_one_by_one(axes, partial(suggested, trial), is_pareto=search.is_pareto))
        study.tell(trial, state=TrialState.FAIL)


def suggested(trial: optuna.Trial, name: str, allowed: BaseDistribution) -> Any:
    """What a trial of Optuna's is given under this name."""
    match allowed:
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
        case IntDistribution(low=low, high=high, log=log):
            return trial.suggest_int(name, low, high, log=log)
        case FloatDistribution(low=low, high=high, log=log):
            return trial.suggest_float(name, low, high, log=log)
        case unknown:
            raise TypeError(unknown)


def _history(axes: Axes, told: Sequence[Tried], *, is_pareto: bool, takes_over: bool) -> list[FrozenTrial]:
    """All that the sampler learns from, as Optuna keeps it; for one that takes whole trials over only the whole ones.

    NSGA-II reads a trial's generation from an attribute that it wrote as it drew the trial. Here nothing is left of
    that, so generations are counted out anew: the completed trials in their order, a population at a time.
    """
    trials, completed = [], 0
    for one in told:
        generation = {_GENERATION: completed // _POPULATION}
        trial = encoded(axes, one, is_pareto=is_pareto, system_attrs=generation)
        whole = distributions(axes, axes.branch(one.sample), is_pareto=is_pareto)
        if takes_over and trial.distributions.keys() != whole.keys():
            continue
        trials.append(trial)
        completed += one.state == TrialState.COMPLETE
    return trials


def _sampler(name: OptunaSampler, seed: int) -> optuna.samplers.BaseSampler:
    match name:
        case "tpe":
            return _tpe(seed)
        case "random":
            return optuna.samplers.RandomSampler(seed=seed)
        case "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=_POPULATION)
        case unknown:
            assert_never(unknown)


def _tpe(seed: int) -> optuna.samplers.TPESampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", FutureWarning)  # Optuna 6, which we do not allow, is to drop `gamma`
        return optuna.samplers.TPESampler(
            seed=seed,
            multivariate=True,  # the best rate depends on the effective batch
            group=True,  # a baseline outside the space lacks a key, and the others are still drawn together
            constant_liar=True,  # trials that run at the same time keep apart
            n_startup_trials=_RANDOM_FIRST,
            gamma=_num_good,
        )


def _num_good(trials: int) -> int:
    """The trials taken as good. With the usual tenth, the first twenty would all follow one or two, and their luck."""
    return max(2, round(math.sqrt(trials)))
