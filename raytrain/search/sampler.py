"""The next sample of a study: axes and what was tried so far in; values by dotted key out. Optuna does the thinking.

A proposal is a function of the seed, the trial's number and the history: there is no state to save, and a study that
was killed proposes what it would have proposed.
"""

import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, assert_never

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from raytrain.config.baseline import FACTORS
from raytrain.config.space import Search
from raytrain.results.choose import MEASURES
from raytrain.search.axes import MICRO_BATCH, Axes, Listed, Sample
from raytrain.search.encoding import Tried, Wanted, decoded, distributions, encoded

_TRIES, _RANDOM_TRIES = 20, 200
"""Draws, by the sampler and then at random, before a space counts as exhausted."""
_RANDOM_FIRST = 5
"""Trials, the baseline among them, before the sampler believes what it sees."""
_POPULATION = 8
"""Completed trials in a generation of NSGA-II. Optuna's fifty are more than most studies have."""
_GENERATION = optuna.samplers.NSGAIISampler._get_generation_key()
_SAME_SIZE = 0.05
"""Effective batches that differ by less, as a share, are drawn as one: most have a single split of their own."""
_SAME_QUALITY = 0.15
"""Where equivalents are reused, effective batches that differ by no more are not worth a training each: if twice the
effective batch is 5 % of the WER, this is 0.2 %."""


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
    seed = _seed(search, number)
    splits = _Splits(axes, tried, search=search, fits=fits or (lambda sample: True), seed=seed)
    history = _history(axes, tried, search=search)
    allowed = distributions(axes, is_pareto=search.is_pareto)
    at_random = optuna.samplers.RandomSampler(seed=seed + 1)
    for sampler, tries in ((_sampler(search, seed), _TRIES), (at_random, _RANDOM_TRIES)):
        # A copy of the study, so that draws thrown away leave no trace in the one that is kept.
        study = optuna.create_study(
            sampler=sampler, directions=[StudyDirection.MINIMIZE] * (len(MEASURES) if search.is_pareto else 1)
        )
        study.add_trials(history)
        for _ in range(tries):
            trial = study.ask(allowed)
            sample = splits.complete(decoded(axes, trial.params))
            if sample is not None:
                return sample
            study.tell(trial, state=TrialState.FAIL)
    return None


class _Splits:
    """Chooses how an effective batch is split: evenly among what fits and is about of that size."""

    def __init__(
        self, axes: Axes, tried: Sequence[Tried], *, search: Search, fits: Callable[[Sample], bool], seed: int
    ) -> None:
        self._axes, self._fits = axes, fits
        # A number drawn from a range does not come up twice, and neither does a training then.
        is_listed = all(isinstance(axis, Listed) for axis in axes.others)
        self._may_repeat = search.reuse_equivalent and bool(axes.factors) and is_listed
        self._random = np.random.default_rng(seed)
        self._seen = {_identity(one.sample) for one in tried}
        self._begun = {_training(axes, one.sample) for one in tried}
        self._trained: dict[Any, set[int]] = defaultdict(set)
        """Effective batches by all other values."""
        for one in tried:
            if one.was_trained:
                self._trained[_identity(_others(one.sample))].add(axes.effective_batch_size(one.sample))

    def complete(self, wanted: Wanted) -> Sample | None:
        """A whole sample, about as was wanted."""
        fitting = self._fitting(wanted.size, wanted.others)
        if wanted.micro_batch is not None and fitting:
            choices = _nearest_micro_batches(self._about_the_first(fitting), wanted.micro_batch)
        elif self._may_repeat:
            choices = self._probes(wanted) or self._of_many_splits(self._new(fitting) or fitting, wanted.others)
        else:
            choices = self._about_the_first(self._new(fitting) or fitting)
        return choices[self._random.integers(len(choices))] if choices else None

    def _fitting(self, size: float, others: Sample, *, exactly: bool = False) -> list[Sample]:
        """What was not tried and will fit, nearest to that size first."""
        return [
            sample
            for split in self._axes.splits_near(size)
            if not exactly or self._axes.effective_batch_size(split) == size
            if _identity(sample := {**split, **others}) not in self._seen and self._fits(sample)
        ]

    def _probes(self, wanted: Wanted) -> list[Sample]:
        """Other splits of a training of about that size: they cost seconds, and their WER is as good as known."""
        known = self._trained[_identity(wanted.others)]
        distances = sorted((abs(math.log(size / wanted.size)), size) for size in known)
        near = (size for distance, size in distances if distance <= _SAME_QUALITY)
        return next((splits for size in near if (splits := self._fitting(size, wanted.others, exactly=True))), [])

    def _of_many_splits(self, samples: Sequence[Sample], others: Sample) -> list[Sample]:
        """All splits of one size, about the first's: the one that has most, since the others will then be probed."""
        near = map(self._axes.effective_batch_size, self._about_the_first(samples, within=_SAME_QUALITY))
        return max((self._fitting(size, others, exactly=True) for size in dict.fromkeys(near)), key=len, default=[])

    def _new(self, fitting: Sequence[Sample]) -> list[Sample]:
        """Rather of a size that was not begun with these values yet."""
        return [sample for sample in fitting if _training(self._axes, sample) not in self._begun]

    def _about_the_first(self, samples: Sequence[Sample], *, within: float = _SAME_SIZE) -> list[Sample]:
        """Those whose effective batch is about that of the first, which is the nearest to the drawn."""
        sizes = [self._axes.effective_batch_size(sample) for sample in samples]
        return [sample for sample, size in zip(samples, sizes, strict=True) if abs(math.log(size / sizes[0])) <= within]


def _nearest_micro_batches(samples: Sequence[Sample], wanted: float) -> list[Sample]:
    distances = [abs(math.log(sample[MICRO_BATCH] / wanted)) for sample in samples]  # type: ignore[operator]
    return [sample for sample, distance in zip(samples, distances, strict=True) if distance == min(distances)]


def _history(axes: Axes, tried: Sequence[Tried], *, search: Search) -> list[FrozenTrial]:
    """All that the sampler learns from, as Optuna keeps it.

    NSGA-II reads a trial's generation from an attribute that it wrote as it drew the trial. Here nothing is left of
    that, so generations are counted out anew: the completed trials in their order, a population at a time.
    """
    kept = [one for one in tried if one.state != TrialState.FAIL]
    if search.reuse_equivalent and not search.is_pareto:
        kept = _once_each(axes, kept)
    num_keys = len(distributions(axes, is_pareto=search.is_pareto))
    trials, completed = [], 0
    for one in kept:
        generation = {_GENERATION: completed // _POPULATION}
        trial = encoded(axes, one, is_pareto=search.is_pareto, system_attrs=generation)
        if search.sampler == "nsga2" and len(trial.params) < num_keys:
            continue  # it takes over only what all of its trials have
        trials.append(trial)
        completed += one.state == TrialState.COMPLETE
    return trials


def _once_each(axes: Axes, tried: Sequence[Tried]) -> list[Tried]:
    """Of trials that share a training the one that keeps the limit best: a WER seen twice would look twice as sure."""
    chosen: dict[Any, Tried] = {}
    for one in tried:
        key = _training(axes, one.sample) if one.was_trained else _identity(one.sample)
        known = chosen.get(key)
        if known is None or (one.violation or 0.0) < (known.violation or 0.0):
            chosen[key] = one
    return list(chosen.values())


def _seed(search: Search, number: int) -> int:
    return int(np.random.SeedSequence([search.seed, number]).generate_state(1)[0])


def _sampler(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    match search.sampler:
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


def _identity(sample: Sample) -> tuple[tuple[str, Any], ...]:
    """What two samples have alike that are one: a rate handed down as its logarithm differs in its last digit."""
    alike = ((key, f"{value:.9g}" if isinstance(value, float) else value) for key, value in sample.items())
    return tuple(sorted(alike))


def _training(axes: Axes, sample: Sample) -> tuple[tuple[str, Any], ...]:
    """What is the same for all splits of one effective batch."""
    return _identity({**_others(sample), "effective_batch_size": axes.effective_batch_size(sample)})


def _others(sample: Sample) -> Sample:
    """All that is not a factor of the effective batch."""
    return {key: value for key, value in sample.items() if key not in FACTORS}
