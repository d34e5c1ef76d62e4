"""The next sample of a study: axes and what was tried so far in; values by dotted key out. Optuna does the thinking.

A proposal is a function of the seed, the trial's number and the history: there is no state to save, and a study that
was killed proposes what it would have proposed.
"""

import math
import warnings
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from raytrain.config.space import Search
from raytrain.study.axes import FACTORS, Axes, Axis, Continuous, Listed, Sample

_TRIES, _RANDOM_TRIES = 20, 200
"""Draws, by the sampler and then at random, before a space counts as exhausted."""
_RANDOM_FIRST = 5
"""Trials, the baseline among them, before the sampler believes what it sees."""
_SIZE = "effective_batch_size"
_SAME_SIZE = 0.05
"""Effective batches that differ by less, as a share, are drawn as one: most have a single split of their own."""


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


def propose(
    axes: Axes,
    tried: Sequence[Tried],
    *,
    search: Search,
    number: int,
    fits: Callable[[Sample], bool] | None = None,
) -> Sample | None:
    """A sample that was not tried before, among those that fit; None when there seems to be none left."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    splits = _Splits(axes, tried, fits=fits or (lambda sample: True), seed=_seed(search, number))
    at_random = optuna.samplers.RandomSampler(seed=splits.seed + 1)
    for sampler, tries in ((_sampler(search, splits.seed), _TRIES), (at_random, _RANDOM_TRIES)):
        # A copy of the study, so that draws thrown away leave no trace in the one that is kept.
        study = optuna.create_study(sampler=sampler, direction="minimize")
        study.add_trials([_encoded(axes, one) for one in tried if one.state != TrialState.FAIL])
        for _ in range(tries):
            trial = study.ask()
            sample = splits.complete(_draw(axes, trial), near=_draw_size(axes, trial))
            if sample is not None:
                return sample
            study.tell(trial, state=TrialState.FAIL)
    return None


class _Splits:
    """Chooses how an effective batch is split: evenly among what fits and is about of that size."""

    def __init__(self, axes: Axes, tried: Sequence[Tried], *, fits: Callable[[Sample], bool], seed: int) -> None:
        self.seed, self._axes, self._fits = seed, axes, fits
        self._random = np.random.default_rng(seed)
        self._seen = {_identity(one.sample) for one in tried}
        self._trained = {self._training(one.sample) for one in tried}

    def complete(self, others: Sample, *, near: float) -> Sample | None:
        """These values with a split of about this size; rather with a size that they were not trained with yet."""
        samples = [{**split, **others} for split in self._axes.splits_near(near)]
        fitting = [sample for sample in samples if _identity(sample) not in self._seen and self._fits(sample)]
        choices = [sample for sample in fitting if self._training(sample) not in self._trained] or fitting
        if not choices:
            return None
        nearest = self._axes.effective_batch_size(choices[0])
        alike = [sample for sample in choices if self._is_about(nearest, sample)]
        return alike[self._random.integers(len(alike))]

    def _is_about(self, size: int, sample: Sample) -> bool:
        return abs(math.log(self._axes.effective_batch_size(sample) / size)) <= _SAME_SIZE

    def _training(self, sample: Sample) -> tuple[tuple[str, Any], ...]:
        """What is the same for all splits of one effective batch."""
        others = {key: value for key, value in sample.items() if key not in FACTORS}
        return _identity({**others, _SIZE: self._axes.effective_batch_size(sample)})


def _seed(search: Search, number: int) -> int:
    return int(np.random.SeedSequence([search.seed, number]).generate_state(1)[0])


def _sampler(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
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


def _draw_size(axes: Axes, trial: optuna.Trial) -> float:
    """About the effective batch of the sample."""
    low, high = axes.smallest_and_largest
    return trial.suggest_float(_SIZE, low, high, log=True) if axes.factors else low


def _draw(axes: Axes, trial: optuna.Trial) -> Sample:
    """Values by key in the baseline's own terms, of all that is not a factor of the effective batch."""
    sample: Sample = {}
    for axis in axes.others:
        if isinstance(axis, Continuous):
            sample[axis.key] = _suggest(trial, axis.key, axis.low, axis.high, log=axis.log, whole=axis.whole)
        elif not axis.ordered:
            sample[axis.key] = trial.suggest_categorical(axis.key, list(axis.values))
        else:
            codes = [_code(axis, value) for value in axis.values]
            code = _suggest(trial, axis.key, codes[0], codes[-1], log=axis.log, whole=isinstance(codes[0], int))
            sample[axis.key] = axis.values[_nearest(codes, code)]
    return sample


def _suggest(trial: optuna.Trial, key: str, low: float, high: float, *, log: bool, whole: bool) -> float:
    if whole:
        return trial.suggest_int(key, int(low), int(high), log=log)
    return trial.suggest_float(key, low, high, log=log)


def _encoded(axes: Axes, one: Tried) -> optuna.trial.FrozenTrial:
    """What was tried, in the sampler's terms: a number's place in its list, so that neighbours are neighbours."""
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    if axes.factors:
        smallest, largest = axes.smallest_and_largest
        params[_SIZE] = float(min(max(axes.effective_batch_size(one.sample), smallest), largest))
        distributions[_SIZE] = FloatDistribution(smallest, largest, log=True)
    for axis in axes.others:
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
