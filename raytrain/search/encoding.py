"""A study in its sampler's terms: axes and what was tried in; what to draw, and trials as Optuna keeps them, out."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from raytrain.config.branches import ADAPTER_KIND, Branch
from raytrain.search.axes import MICRO_BATCH, Axes, Axis, Listed, Sample
from raytrain.search.identity import Identity, identity, others_of

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

    @cached_property
    def identity(self) -> Identity:
        """What it has alike with every sample that is the same."""
        return identity(self.sample)

    @cached_property
    def others(self) -> Identity:
        """The same without the factors of its effective batch."""
        return identity(others_of(self.sample))


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the sampler drew: the size of the effective batch, about, and all that is not a factor of it."""

    size: float
    micro_batch: float | None
    """Utterances at a time, about; None where any split of that size will do."""
    others: Sample


def distributions(axes: Axes, branch: Branch, *, is_pareto: bool) -> dict[str, BaseDistribution]:
    """What the sampler draws in a branch, by name: a value on each axis, and of the effective batch its size, split
    afterwards. Which branch it is comes first, where that is drawn."""
    found = {axis.name: _distribution(axis) for axis in axes.others_in(branch)}
    if axes.factors:
        found[_SIZE] = FloatDistribution(*axes.smallest_and_largest, log=True)
    if is_pareto and axes.micro_batches:  # memory and time depend on the split
        found[_MICRO] = FloatDistribution(*axes.micro_batches, log=True)
    return found


def drawn_one_by_one(axes: Axes, draw: Callable[[str, BaseDistribution], Any], *, is_pareto: bool) -> dict[str, Any]:
    """What a sampler draws when it is asked for one name after the other, as the branch that it drew has them."""
    drawn: dict[str, Any] = {}
    kinds = next((axis for axis in axes.others if axis.key == ADAPTER_KIND), None)
    if kinds is not None:
        drawn[kinds.name] = draw(kinds.name, _distribution(kinds))
    for name, distribution in distributions(axes, axes.branch(drawn), is_pareto=is_pareto).items():
        if name not in drawn:
            drawn[name] = draw(name, distribution)
    return drawn


def decoded(axes: Axes, drawn: Mapping[str, Any]) -> Wanted:
    """What the sampler drew, in the baseline's own terms."""
    return Wanted(
        size=drawn.get(_SIZE, axes.smallest_and_largest[0]),
        micro_batch=drawn.get(_MICRO),
        others={axis.key: _value(axis, drawn[axis.name]) for axis in axes.others_in(axes.branch(drawn))},
    )


def encoded(axes: Axes, one: Tried, *, is_pareto: bool, system_attrs: dict[str, Any]) -> FrozenTrial:
    """What was tried, in the sampler's terms. It lacks a key whose list the value is not in: only the baseline's may
    lie outside, and of that key it then teaches nothing."""
    branch = axes.branch(one.sample)
    codes = {axis.name: _code(axis, one.sample[axis.key]) for axis in axes.others_in(branch) if axis.key in one.sample}
    codes |= {_SIZE: axes.effective_batch_size(one.sample), _MICRO: one.sample.get(MICRO_BATCH)}
    params: dict[str, Any] = {}
    known: dict[str, BaseDistribution] = {}
    for name, distribution in distributions(axes, branch, is_pareto=is_pareto).items():
        code: Any = codes.get(name)
        if name not in codes:
            continue
        if isinstance(distribution, FloatDistribution | IntDistribution):
            code = min(max(code, distribution.low), distribution.high)
        elif isinstance(distribution, CategoricalDistribution) and code not in distribution.choices:
            continue
        params[name], known[name] = code, distribution
    return create_trial(
        state=one.state,
        values=list(one.objectives) if one.state == TrialState.COMPLETE else None,
        params=params,
        distributions=known,
        system_attrs=dict(system_attrs),
        # Optuna has none where there are several objectives, and TPE fails on them.
        intermediate_values={} if is_pareto else dict(one.intermediate),
        constraints={"violation": one.violation} if one.violation is not None else None,
    )


def _distribution(axis: Axis) -> BaseDistribution:
    if isinstance(axis, Listed) and not axis.ordered:
        return CategoricalDistribution(list(axis.values))
    if isinstance(axis, Listed):
        return IntDistribution(0, len(axis.values) - 1)
    if axis.whole:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def _code(axis: Axis, value: Any) -> Any:
    """A value as the sampler sees it: a listed number's place, so that neighbours are neighbours, or else itself."""
    if isinstance(axis, Listed) and axis.ordered:
        return min(bisect_left(axis.values, value), len(axis.values) - 1)
    return value


def _value(axis: Axis, code: Any) -> Any:
    """What the sampler drew, as the value it stands for: of a listed number its place says which."""
    return axis.values[code] if isinstance(axis, Listed) and axis.ordered else code
