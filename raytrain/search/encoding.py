"""A study in its sampler's terms: axes and what was tried in; what to draw, and trials as Optuna keeps them, out."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from raytrain.search.axes import MICRO_BATCH, Axes, Listed, Sample

_SIZE, _MICRO = "effective_batch_size", "micro_batch_size"


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A sample that was started, and what is known of it."""

    sample: Sample
    state: TrialState
    objectives: Sequence[float] = ()
    """Finite, one a direction, where the trial ended with a fact about its sample."""
    intermediate: Mapping[int, float] = field(default_factory=dict)
    """Objective by examples seen, for a trial that was stopped early."""
    violation: float | None = None
    """By how much a limit was missed (GiB); not above 0 where it was kept; None where there is no limit."""
    was_trained: bool = False
    """To its end, by itself or by its equivalent: what splits the same effective batch otherwise needs no training."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the sampler drew: the size of the effective batch, about, and all that is not a factor of it."""

    size: float
    micro_batch: float | None
    """Utterances at a time, about; None where any split of that size will do."""
    others: Sample


def draw(axes: Axes, trial: optuna.Trial, *, is_pareto: bool) -> Wanted:
    """What the sampler wants, in the baseline's own terms."""
    others = _draw_others(axes, trial)
    size: float = axes.smallest_and_largest[0]
    if axes.factors:
        size = trial.suggest_float(_SIZE, *axes.smallest_and_largest, log=True)
    micro_batch = None
    if is_pareto and axes.micro_batches:  # memory and time depend on the split
        micro_batch = trial.suggest_float(_MICRO, *axes.micro_batches, log=True)
    return Wanted(size=size, micro_batch=micro_batch, others=others)


def encoded(axes: Axes, one: Tried, *, is_pareto: bool, system_attrs: dict[str, Any]) -> optuna.trial.FrozenTrial:
    """What was tried, in the sampler's terms: a number's place in its list, so that neighbours are neighbours."""
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    if axes.factors:
        params[_SIZE], distributions[_SIZE] = _within(axes.effective_batch_size(one.sample), axes.smallest_and_largest)
    if is_pareto and axes.micro_batches:
        params[_MICRO], distributions[_MICRO] = _within(one.sample[MICRO_BATCH], axes.micro_batches)
    for axis in axes.others:
        value: Any = one.sample[axis.key]
        if isinstance(axis, Listed) and not axis.ordered:
            if value in axis.values:  # the baseline may lie outside: of this key it then teaches nothing
                params[axis.key] = value
                distributions[axis.key] = CategoricalDistribution(list(axis.values))
        elif isinstance(axis, Listed):
            params[axis.key] = min(bisect_left(axis.values, value), len(axis.values) - 1)
            distributions[axis.key] = IntDistribution(0, len(axis.values) - 1)
        else:
            params[axis.key] = min(max(value, axis.low), axis.high)
            kind: Any = IntDistribution if axis.whole else FloatDistribution
            distributions[axis.key] = kind(axis.low, axis.high, log=axis.log)
    return create_trial(
        state=one.state,
        values=list(one.objectives) if one.state == TrialState.COMPLETE else None,
        params=params,
        distributions=distributions,
        system_attrs=dict(system_attrs),
        # Optuna has none where there are several objectives, and TPE fails on them.
        intermediate_values={} if is_pareto else dict(one.intermediate),
        constraints={"violation": one.violation} if one.violation is not None else None,
    )


def teaches_everything(axes: Axes, one: Tried) -> bool:
    """Whether a sample has a place on every axis: only the baseline may have none."""
    listed = (axis for axis in axes.others if isinstance(axis, Listed) and not axis.ordered)
    return all(one.sample[axis.key] in axis.values for axis in listed)


def _within(value: Any, ends: tuple[int, int]) -> tuple[float, FloatDistribution]:
    low, high = ends
    return float(min(max(value, low), high)), FloatDistribution(low, high, log=True)


def _draw_others(axes: Axes, trial: optuna.Trial) -> Sample:
    """Values by key in the baseline's own terms, of all that is not a factor of the effective batch."""
    sample: Sample = {}
    for axis in axes.others:
        if isinstance(axis, Listed) and axis.ordered:
            sample[axis.key] = axis.values[trial.suggest_int(axis.key, 0, len(axis.values) - 1)]
        elif isinstance(axis, Listed):
            sample[axis.key] = trial.suggest_categorical(axis.key, list(axis.values))
        elif axis.whole:
            sample[axis.key] = trial.suggest_int(axis.key, int(axis.low), int(axis.high), log=axis.log)
        else:
            sample[axis.key] = trial.suggest_float(axis.key, axis.low, axis.high, log=axis.log)
    return sample
