"""The next sample of a study: axes and what was tried so far in; values by dotted key out. Optuna does the thinking.

A proposal is a function of the seed, the trial's number and the history: there is no state to save, and a study that
was killed proposes what it would have proposed.
"""

import warnings
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from raytrain.config.space import Search
from raytrain.study.axes import Axes, Axis, Continuous, Listed, Sample

_TRIES = 200
"""Draws, by the sampler and then at random, before a space counts as exhausted."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A sample that was started, and what is known of it."""

    sample: Sample
    state: TrialState
    objective: float | None = None
    """Finite, where the trial ended with a fact about its sample."""
    intermediate: Mapping[int, float] = field(default_factory=dict)
    """Objective by examples seen, for a trial that was stopped early."""
    violation: float | None = None
    """By how much a limit was missed (GiB); not above 0 where it was kept; None where there is no limit."""


def propose(axes: Axes, tried: Sequence[Tried], *, search: Search, number: int) -> Sample | None:
    """A sample that was not tried before; None when there seems to be none left."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seen = {_identity(one.sample) for one in tried}
    seed = int(np.random.SeedSequence([search.seed, number]).generate_state(1)[0])
    samplers = [_sampler(search, seed), optuna.samplers.RandomSampler(seed=seed + 1)]
    for sampler in samplers:
        # A copy of the study, so that draws thrown away leave no trace in the one that is kept.
        study = optuna.create_study(sampler=sampler, direction="minimize")
        study.add_trials([_encoded(axes, one) for one in tried if one.state != TrialState.FAIL])
        for _ in range(_TRIES):
            trial = study.ask()
            sample = _draw(axes, trial)
            if _identity(sample) not in seen:
                return sample
            study.tell(trial, state=TrialState.FAIL)
    return None


def _sampler(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed,
            constant_liar=True,  # trials that run at the same time keep apart
            n_startup_trials=min(10, max(4, search.trials // 3)),
        )


def _draw(axes: Axes, trial: optuna.Trial) -> Sample:
    """Values by key in the baseline's own terms; each is drawn among those that the window leaves."""
    sample: Sample = {}
    for axis in axes.axes:
        if isinstance(axis, Continuous):
            sample[axis.key] = _suggest(trial, axis.key, axis.low, axis.high, log=axis.log, whole=axis.whole)
        elif not axis.ordered:
            sample[axis.key] = trial.suggest_categorical(axis.key, list(axis.values))
        else:
            allowed: Sequence[Any] = axes.allowed(axis, sample)
            codes = [_code(axis, value) for value in allowed]
            whole = isinstance(codes[0], int)
            code = _suggest(trial, axis.key, codes[0], codes[-1], log=axis.log, whole=whole)
            sample[axis.key] = allowed[_nearest(codes, code)]
    return sample


def _suggest(trial: optuna.Trial, key: str, low: float, high: float, *, log: bool, whole: bool) -> float:
    if whole:
        return trial.suggest_int(key, int(low), int(high), log=log)
    return trial.suggest_float(key, low, high, log=log)


def _encoded(axes: Axes, one: Tried) -> optuna.trial.FrozenTrial:
    """What was tried, in the sampler's terms: a number's place in its list, so that neighbours are neighbours."""
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for axis in axes.axes:
        value: Any = one.sample[axis.key]
        if isinstance(axis, Listed) and not axis.ordered:
            if value in axis.values:  # the baseline may lie outside: of this key it then teaches nothing
                params[axis.key] = value
                distributions[axis.key] = CategoricalDistribution(list(axis.values))
        else:
            low, high, whole = _code_range(axis)
            code = _code(axis, value) if isinstance(axis, Listed) else value
            params[axis.key] = min(max(code, low), high)
            kind = IntDistribution if whole else FloatDistribution
            distributions[axis.key] = kind(low, high, log=axis.log)
    return create_trial(
        state=one.state,
        value=one.objective if one.state == TrialState.COMPLETE else None,
        params=params,
        distributions=distributions,
        intermediate_values=dict(one.intermediate),
        constraints={"memory_gib": one.violation} if one.violation is not None else None,
    )


def _code_range(axis: Axis) -> tuple[Any, Any, bool]:
    if isinstance(axis, Continuous):
        return axis.low, axis.high, axis.whole
    low, high = _code(axis, axis.values[0]), _code(axis, axis.values[-1])
    return low, high, isinstance(low, int)


def _code(axis: Listed, value: Any) -> Any:
    """A listed number as the sampler sees it: its place, or on a logarithmic axis itself."""
    if axis.log:
        return value
    return min(bisect_left(axis.values, value), len(axis.values) - 1)


def _nearest(codes: Sequence[float], code: float) -> int:
    return min(range(len(codes)), key=lambda index: abs(codes[index] - code))


def _identity(sample: Sample) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(sample.items()))
