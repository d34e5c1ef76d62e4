"""What trials say of all samples: what was tried in; a posterior of the WER and one of the limit, and the best, out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import TrialState

from raytrain.config.space import Search
from raytrain.results.records import WORST_OBJECTIVE
from raytrain.search.axes import MICRO_BATCH, Axes, Sample
from raytrain.search.borrowed import Borrowed
from raytrain.search.coordinates import Column, Coordinates, Points
from raytrain.search.encoding import Tried
from raytrain.search.misleading import Ranking, ranking
from raytrain.search.posterior import Observed, Posterior, below

_LEAST_WER = 1e-3
"""Below it a WER is taken for this: no logarithm is without end."""
_FAR, _DOUBT_BEYOND = 0.15, 0.5
"""Logarithm above the best from which on a WER is worth knowing less exactly, and by how much less: what matters is the
shape near the best, and no bowl is one far from it."""
_BROKEN, _BROKEN_DOUBT = 0.6, 0.25
"""Logarithm above the best that a diverged training counts as, at least, and its standard deviation."""
_STOPPED_DOUBT = 0.10
"""Standard deviation of what is made of a stopped training's end."""
_MOST, _MOST_BEST = 160, 120
"""Trials that are learnt from, and how many of them for being the best: a posterior of all 1,000 takes seconds."""

_AS_WERS = 0.3
"""Standard deviation of logarithms of WERs; the limit's posterior is given what varies as much."""
_MICRO_BATCHES = math.log(64)
"""Logarithm of the ratio over which the effect of a micro-batch may change."""


@dataclass(frozen=True)
class Knowledge:
    """What is known of a study's samples."""

    coordinates: Coordinates
    num_seen: int
    """Trainings of this study that it is known from."""
    running: Points
    """Of what is being trained."""
    posterior: Posterior
    """Of logarithms of WERs: after all that ended, and as if what still runs had ended as expected."""
    limit: Posterior | None
    """Of by how much the limit is missed; None where it never was."""
    at_best: Sequence[Sample]
    """The samples of the lowest means that ended well and within their limit, best first."""
    leader: Sample | None
    """Of these the one that reported the lowest WER, which a study names its best."""
    agreed: Sequence[Borrowed]
    """The borrowed studies that do not mislead."""
    alone: Posterior | None
    """What this study knows without them; None once its trials have shown that they rank rightly."""
    best: float
    """The lowest mean of these and of what still runs, which is to be bettered; infinite where there is none."""

    def chance_kept(self, points: Points, micro_batches: Sequence[float | None]) -> NDArray[np.floating[Any]]:
        """The chance of each point to keep the limit, split into micro-batches of this size."""
        if self.limit is None:
            return np.ones(len(points))
        mean, spread = self.limit.predict(_with_micro_batches(points, micro_batches))
        return below(-mean / spread)


def knowledge(axes: Axes, told: Sequence[Tried], *, search: Search, borrowed: Sequence[Borrowed] = ()) -> Knowledge:
    """What all that was tried says, here and in the studies that this one learns from."""
    coordinates = Coordinates(axes, learning_rate_scaling=search.learning_rate_scaling)
    ended = _those_that_teach_most([one for one in told if _value(one) is not None])
    running = coordinates.of_samples([one.sample for one in told if one.state == TrialState.RUNNING])
    seen = _observed(coordinates.of_samples([one.sample for one in ended]), ended)
    own, columns = seen, coordinates.columns
    ranks = [ranking(columns, _of_borrowed(coordinates, study, 0), own) for study in borrowed]
    agreed = [study for study, rank in zip(borrowed, ranks, strict=True) if rank != Ranking.WRONG]
    for place, study in enumerate(agreed, start=1):
        seen = seen.and_also(_of_borrowed(coordinates, study, place))
    posterior = Posterior(columns, seen, trust=[study.trust for study in agreed])
    kept = [one for one in ended if _kept(one)]
    well = [one.sample for one in kept]
    means, _ = posterior.predict(coordinates.of_samples(well))
    expected, _ = posterior.predict(running)
    return Knowledge(
        coordinates=coordinates,
        num_seen=len(ended),
        running=running,
        posterior=posterior.believing(running),
        limit=_limit(coordinates, told),
        at_best=[well[place] for place in np.argsort(means, kind="stable")],
        leader=min(kept, key=lambda one: one.objectives[0]).sample if kept else None,
        agreed=agreed,
        alone=Posterior(columns, own).believing(running) if Ranking.UNTOLD in ranks else None,
        best=min([*means, *expected], default=math.inf),
    )


def agreement(axes: Axes, told: Sequence[Tried], *, search: Search, borrowed: Sequence[Borrowed]) -> list[float | None]:
    """Each borrowed study's correlation with this one as it is taken to be now; None of one that misleads."""
    known = knowledge(axes, told, search=search, borrowed=borrowed)
    correlations = iter(known.posterior.correlations[1:])
    return [float(next(correlations)) if study in known.agreed else None for study in borrowed]


def _of_borrowed(coordinates: Coordinates, study: Borrowed, place: int) -> Observed:
    return _observed(coordinates.of(study.sizes, study.others), study.tried, study=place)


def _those_that_teach_most(ended: Sequence[Tried]) -> list[Tried]:
    """The best, and of the others as many as may be, spread over the study."""
    if len(ended) <= _MOST:
        return list(ended)
    order = sorted(range(len(ended)), key=lambda place: _value(ended[place]) or 0.0)
    rest = sorted(order[_MOST_BEST:])
    spread = [rest[round(place)] for place in np.linspace(0, len(rest) - 1, _MOST - _MOST_BEST)]
    return [ended[place] for place in sorted({*order[:_MOST_BEST], *spread})]


def _observed(points: Points, ended: Sequence[Tried], *, study: int = 0) -> Observed:
    values = np.array([math.log(max(_value(one) or 0.0, _LEAST_WER)) for one in ended])
    doubt = np.zeros(len(ended))
    finite = np.array([_is_wer(one) for one in ended], dtype=bool)
    stopped = np.array([one.state == TrialState.PRUNED for one in ended], dtype=bool)
    if stopped.any():
        values[stopped] += _still_to_come(ended)
        doubt[stopped] = _STOPPED_DOUBT
    if finite.any():
        least = values[finite].min()
        values[~finite] = max(least + _BROKEN, values[finite].max())
        doubt[finite] = np.hypot(doubt[finite], _DOUBT_BEYOND * np.maximum(0, values[finite] - least - _FAR))
    doubt[~finite] = _BROKEN_DOUBT
    return Observed(points, values, doubt, np.full(len(ended), study))


def _limit(coordinates: Coordinates, told: Sequence[Tried]) -> Posterior | None:
    """By how much samples miss the limit, in units in which what was seen varies as WERs do."""
    known = [(one.sample, one.violation) for one in told if one.violation is not None][-_MOST:]
    missed = np.array([violation for _, violation in known])
    if not (missed > 0).any():
        return None
    scale = _AS_WERS / max(float(missed.std()), 1e-6)
    micro_batches: Any = [sample.get(MICRO_BATCH) for sample, _ in known]
    points = _with_micro_batches(coordinates.of_samples([sample for sample, _ in known]), micro_batches)
    columns = [*coordinates.columns, Column(MICRO_BATCH, in_valley=False)]
    return Posterior(
        columns, Observed(points, missed * scale, np.zeros(len(known)), np.zeros(len(known), dtype=np.intp))
    )


def _with_micro_batches(points: Points, micro_batches: Sequence[float | None]) -> Points:
    """Points that know how a batch is split, on which memory depends."""
    logs = np.array([math.log(one or 1) / _MICRO_BATCHES for one in micro_batches])
    return np.column_stack([points, logs])


def _value(one: Tried) -> float | None:
    """The objective at a trial's end, or where it was stopped; None where nothing says how good its sample is."""
    if one.state == TrialState.COMPLETE and one.objectives:
        is_lost = one.objectives[0] >= WORST_OBJECTIVE and (one.violation or 0.0) > 0
        return None if is_lost else one.objectives[0]
    if one.state == TrialState.PRUNED and one.intermediate:
        return one.intermediate[max(one.intermediate)]
    return None


def _is_wer(one: Tried) -> bool:
    value = _value(one)
    return value is not None and value < WORST_OBJECTIVE


def _kept(one: Tried) -> bool:
    return one.state == TrialState.COMPLETE and _is_wer(one) and (one.violation or 0.0) <= 0


def _still_to_come(ended: Sequence[Tried]) -> list[float]:
    """By how much each stopped training would have changed by its end, going by those that went on from its rung."""
    changes: dict[int, list[float]] = {}
    for one in ended:
        if one.state == TrialState.COMPLETE and _is_wer(one):
            for rung, objective in one.intermediate.items():
                change = math.log(max(one.objectives[0], _LEAST_WER)) - math.log(max(objective, _LEAST_WER))
                changes.setdefault(rung, []).append(change)
    rungs = [max(one.intermediate) for one in ended if one.state == TrialState.PRUNED]
    return [float(np.median(changes.get(rung, [0.0]))) for rung in rungs]
