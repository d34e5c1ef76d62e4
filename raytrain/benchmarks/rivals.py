"""Ways to choose the next trial, all starting at the baseline: what earlier trials reported in, a sample out."""

import itertools
import logging
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from raytrain.benchmarks.surfaces import ACCUMULATION, BATCH, RATE, Ended, Surface
from raytrain.config.branches import ADAPTER_KIND
from raytrain.memory.fitting import Peak, largest_launchable_gib
from raytrain.results.records import WORST_OBJECTIVE
from raytrain.search.axes import Sample
from raytrain.search.borrowed import Borrowed
from raytrain.search.encoding import Tried, decoded, drawn_one_by_one, encoded
from raytrain.search.optuna_samplers import suggested
from raytrain.search.sampler import propose, to_learn_from
from raytrain.search.splits import Splits
from raytrain.search.stopping import is_done, prospect

_GAUSSIAN_FIRST, _GAUSSIAN_TRIES = 5, 5
"""Trials before Optuna's Gaussian process is asked, and its draws for a sample that fits."""


class Rival(ABC):
    """A way to search: suggests the baseline first, then a sample at a time, and learns how each ended."""

    def __init__(self, surface: Surface, *, seed: int, trials: int) -> None:
        self._surface = surface

    @abstractmethod
    def suggest(self, number: int) -> Sample | None:
        """The sample of the trial with this number; None where there is none left."""

    def learn(self, number: int, sample: Sample, ended: Ended) -> None:  # noqa: B027 - most have nothing to learn
        """Take note of how the trial ended; some ways to search take none."""


class BaselineFirst(Rival):
    """A rival that is given the baseline, and finds every later sample itself."""

    def suggest(self, number: int) -> Sample | None:
        return self._surface.axes.baseline_sample if number == 0 else self._next(number)

    @abstractmethod
    def _next(self, number: int) -> Sample | None: ...


class OurSampler(BaselineFirst):
    """The sampler as a study drives it: given the whole history each time, and launching nothing that will not fit."""

    sampler = "auto"

    def __init__(self, surface: Surface, *, seed: int, trials: int) -> None:
        super().__init__(surface, seed=seed, trials=trials)
        asked = {"seed": seed, "trials": trials, "sampler": self.sampler}
        self._search = surface.space.search.model_copy(update=asked)
        self.borrowed: Sequence[Borrowed] = ()
        """What it learns from earlier studies."""
        self._tried: list[Tried] = []
        self._peaks: list[Peak] = []

    def learn(self, number: int, sample: Sample, ended: Ended) -> None:
        self._peaks.append(Peak(predicted_gib=self._surface.predicted_gib(sample), measured_gib=ended.peak_gib))
        self._tried.append(
            Tried(
                sample=sample,
                state=TrialState.COMPLETE,
                objectives=(WORST_OBJECTIVE if ended.wer is None else ended.wer,),
                violation=0.1 if ended.peak_gib is None else ended.peak_gib - self._surface.wall_gib,
                was_trained=ended.wer is not None,
            )
        )

    def is_done(self, number: int) -> bool:
        """Whether a study would end its search rather than begin the trial of this number."""
        axes = self._surface.axes
        found = prospect(axes, self._tried, search=self._search, number=number, fits=self._fits)
        return found is not None and is_done(axes, found)

    def _next(self, number: int) -> Sample | None:
        axes = self._surface.axes
        return propose(axes, self._tried, search=self._search, number=number, fits=self._fits, borrowed=self.borrowed)

    def _fits(self, sample: Sample) -> bool:
        most_gib = largest_launchable_gib(self._peaks, limit_gib=self._surface.wall_gib)
        return self._surface.predicted_gib(sample) <= most_gib


class OurTpe(OurSampler):
    """The same with Optuna's TPE in place of our posterior."""

    sampler = "tpe"


class OptunaGaussian(OurSampler):
    """The same with Optuna's Gaussian process, told of the limit as a constraint. Needs scipy, which we do without."""

    def _next(self, number: int) -> Sample | None:
        axes, search = self._surface.axes, self._search
        splits = Splits(axes, self._tried, search=search, fits=self._fits, seed=number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.GPSampler(seed=search.seed * 1000 + number, n_startup_trials=_GAUSSIAN_FIRST)
        study = optuna.create_study(sampler=sampler)
        encode = partial(encoded, axes, is_pareto=False, system_attrs={})
        study.add_trials([encode(one) for one in to_learn_from(axes, self._tried, search=search)])
        for _ in range(_GAUSSIAN_TRIES):
            trial = study.ask()
            drawn = drawn_one_by_one(axes, partial(suggested, trial), is_pareto=False)
            sample = splits.complete(decoded(axes, drawn))
            if sample is not None:
                return sample
            study.tell(trial, state=TrialState.FAIL)
        return None


class StockOptuna(Rival):
    """Ray's OptunaSearch as its manual shows it, in its form that can keep the window.

    Ray reports a trial that ran out of memory as an error; one that diverged reports a loss like any other.
    """

    def __init__(self, surface: Surface, *, seed: int, trials: int) -> None:
        super().__init__(surface, seed=seed, trials=trials)
        logging.getLogger("ray").setLevel(logging.ERROR)
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        axes, baseline = surface.axes, surface.axes.baseline_sample
        drawn = [*axes.factors, *axes.others_in(axes.branch(baseline))]
        self._keys = {axis.name: axis.key for axis in axes.axes}
        first = {axis.name: baseline[axis.key] for axis in drawn}
        self._searcher = OptunaSearch(self._draw, metric="objective", mode="min", seed=seed, points_to_evaluate=[first])

    def suggest(self, number: int) -> Sample | None:
        drawn = self._searcher.suggest(str(number))
        return {self._keys[name]: value for name, value in drawn.items()}

    def learn(self, number: int, sample: Sample, ended: Ended) -> None:
        if ended.out_of_memory:
            self._searcher.on_trial_complete(str(number), error=True)
            return
        objective = WORST_OBJECTIVE if ended.wer is None else ended.wer
        self._searcher.on_trial_complete(str(number), {"objective": objective})

    def _draw(self, trial: Any) -> None:
        accumulations, axes = self._surface.accumulations(), self._surface.axes
        batch = trial.suggest_categorical(BATCH, list(accumulations))
        trial.suggest_int(ACCUMULATION, accumulations[batch][0], accumulations[batch][-1])
        branch = axes.branches[0]
        if len(axes.branches) > 1:
            kinds = [None if one == "full" else "lora" for one in axes.branches]
            branch = axes.branch({ADAPTER_KIND: trial.suggest_categorical(ADAPTER_KIND, kinds)})
        rates = self._surface.rates(branch)
        trial.suggest_float(rates.name, rates.low, rates.high, log=True)
        for axis in self._surface.rest(branch):
            trial.suggest_categorical(axis.name, list(axis.values))


class RandomDraws(BaselineFirst):
    """Every draw independent of all others: a batch size, an accumulation that keeps the window, a rate."""

    def __init__(self, surface: Surface, *, seed: int, trials: int) -> None:
        super().__init__(surface, seed=seed, trials=trials)
        self._random = np.random.default_rng(seed)

    def _next(self, number: int) -> Sample | None:
        accumulations, branches = self._surface.accumulations(), self._surface.axes.branches
        batch = int(self._random.choice(list(accumulations)))
        accumulation = int(self._random.choice(accumulations[batch]))
        kind: Sample = {}
        branch = branches[0]
        if len(branches) > 1:
            branch = branches[int(self._random.integers(len(branches)))]
            kind = {ADAPTER_KIND: None if branch == "full" else "lora"}
        rates = self._surface.rates(branch)
        rate = math.exp(self._random.uniform(math.log(rates.low), math.log(rates.high)))
        rest: Sample = {
            axis.key: axis.values[int(self._random.integers(len(axis.values)))] for axis in self._surface.rest(branch)
        }
        return {BATCH: batch, ACCUMULATION: accumulation, RATE: rate, **kind, **rest}


class GridSearch(BaselineFirst):
    """The coarsest even grid that has enough points in the window, walked in an order drawn by seed."""

    def __init__(self, surface: Surface, *, seed: int, trials: int) -> None:
        super().__init__(surface, seed=seed, trials=trials)
        points = next(found for levels in itertools.count(2) if len(found := _grid(surface, levels)) >= trials - 1)
        order = np.random.default_rng(seed).permutation(len(points))
        self._points = [points[place] for place in order]

    def _next(self, number: int) -> Sample | None:
        return self._points[number - 1]


def _grid(surface: Surface, levels: int) -> list[Sample]:
    batches, accumulations = (axis.values for axis in surface.axes.factors)
    (branch,) = surface.axes.branches
    rates = np.geomspace(surface.rates(branch).low, surface.rates(branch).high, levels)
    rest = [_spread_evenly(axis.values, levels) for axis in surface.rest(branch)]
    points: list[Sample] = [
        {BATCH: batch, ACCUMULATION: accumulation, RATE: float(rate), **chosen}
        for chosen in (_named(surface, values) for values in itertools.product(*rest))
        for batch in _spread(batches, levels)
        for accumulation in _spread(accumulations, levels)
        for rate in rates
    ]
    return [point for point in points if surface.axes.contains(point)]


def _spread(values: Sequence[Any], levels: int) -> list[Any]:
    """So many values of an ordered list, spread evenly by ratio, both ends among them."""
    logs = np.log(values)
    nearest = [int(np.abs(logs - wanted).argmin()) for wanted in np.linspace(logs[0], logs[-1], levels)]
    return [values[place] for place in dict.fromkeys(nearest)]


def _spread_evenly(values: Sequence[Any], levels: int) -> list[Any]:
    """So many of the values, both ends among them."""
    return [values[round(place)] for place in dict.fromkeys(np.linspace(0, len(values) - 1, min(levels, len(values))))]


def _named(surface: Surface, values: Sequence[Any]) -> Sample:
    (branch,) = surface.axes.branches
    return {axis.key: value for axis, value in zip(surface.rest(branch), values, strict=True)}
