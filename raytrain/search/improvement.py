"""Which sample is worth most to try next: what is known in; candidates in the order of what they may gain, out.

Expected improvement: by how much a sample can be expected to lie below the best so far, the chance that it does not
counted as no gain.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raytrain.config.branches import ADAPTER_KIND, RATE, Branch
from raytrain.search.axes import MICRO_BATCH, Axes, Axis, Listed, Sample
from raytrain.search.coordinates import Points
from raytrain.search.encoding import Wanted
from raytrain.search.identity import others_of
from raytrain.search.knowledge import Knowledge
from raytrain.search.posterior import Posterior, below
from raytrain.search.splits import Splits

_ANYWHERE, _NEARBY = 500, 300
_AROUND = 3
"""Of the best samples, about which candidates are drawn, too."""
_NEAR = (0.25, 0.08)
"""How far about them, as shares of a range."""
_KEPT = 0.7
"""The chance that a candidate near a sample keeps its value of a key that is not the rate."""
_APART = 0.2
"""Distance at which samples that are trained at the same time hardly hinder one another: a fifth of a rate."""
_ELSEWHERE = 10.0
"""Where a point is taken to lie in a key that it does not have, as it is seen from one that has it: far off."""
_JUDGED = 8
"""Whole samples that are compared where a limit was missed before: whether they keep it depends on their splits."""


def most_promising(axes: Axes, known: Knowledge, splits: Splits, *, tries: int, seed: int) -> Sample | None:
    """The whole sample that is worth most; None where none of the first so many candidates is new and fits."""
    wanted = candidates(axes, known, splits, random=np.random.default_rng(seed))
    if not wanted:
        return None
    points = known.coordinates.of([one.size for one in wanted], [one.others for one in wanted])
    smallest = axes.micro_batches[0] if axes.micro_batches else None
    gains = _gains(known, points) * known.chance_kept(points, [smallest] * len(points))
    in_order = (wanted[place] for place in np.argsort(-gains, kind="stable")[:tries])
    whole = (sample for one in in_order if (sample := splits.complete(one)) is not None)
    judged = list(islice(whole, 1 if known.limit is None else _JUDGED))
    if not judged:
        return None
    points = known.coordinates.of_samples(judged)
    micro_batches: Any = [sample.get(MICRO_BATCH) for sample in judged]
    return judged[int((_gains(known, points) * known.chance_kept(points, micro_batches)).argmax())]


def improvement(gain: NDArray[np.floating[Any]], spread: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """The mean of what is above 0 of normal numbers of these means and standard deviations."""
    ratio = gain / spread
    density = np.exp(-0.5 * ratio**2) / math.sqrt(2 * math.pi)
    return np.maximum(gain * below(ratio) + spread * density, 0.0)


def _gains(known: Knowledge, points: Points) -> NDArray[np.floating[Any]]:
    """The augmented expected improvement of each (Huang et al., 2006), in logarithms of the WER.

    A training where the posterior is surer than a training's noise would tell nothing, and counts for as little; and so
    does one beside another that still runs. While earlier studies have not been seen to rank rightly, they lead only
    where this study's own knowledge sees something to gain, too.
    """
    gains = _augmented(known.posterior, known.best, points)
    if known.alone is not None:
        gains *= _augmented(known.alone, known.best, points)
    everywhere, running = (np.nan_to_num(some, nan=_ELSEWHERE) for some in (points, known.running))
    for one in running:
        gains *= 1 - np.exp(-0.5 * ((everywhere - one) ** 2).sum(axis=1) / _APART**2)
    return gains


def _augmented(posterior: Posterior, best: float, points: Points) -> NDArray[np.floating[Any]]:
    mean, spread = posterior.predict(points)
    gain = (best if math.isfinite(best) else float(mean.min())) - mean
    gains: NDArray[np.floating[Any]] = improvement(gain, spread) * (
        1 - posterior.noise / np.hypot(spread, posterior.noise)
    )
    return gains


def candidates(axes: Axes, known: Knowledge, splits: Splits, *, random: np.random.Generator) -> list[Wanted]:
    """Samples of effective batches that fit, each once: drawn evenly, and about the best so far."""
    by_branch = {branch: splits.sizes(_typical(axes, known, branch)) for branch in axes.branches}
    sizes = {branch: fitting for branch, fitting in by_branch.items() if fitting}
    if not sizes:
        return []
    branches = list(sizes)
    found = [_anywhere(axes, sizes, branches[place % len(branches)], random) for place in range(_ANYWHERE)]
    for place in range(_NEARBY if known.at_best else 0):
        about = known.at_best[place % min(_AROUND, len(known.at_best))]
        if axes.branch(about) in sizes:
            found.append(_nearby(axes, sizes[axes.branch(about)], about, _NEAR[place % len(_NEAR)], random))
    return list({(one.size, *one.others.values()): one for one in found}.values())


def _typical(axes: Axes, known: Knowledge, branch: Branch) -> Sample:
    """Values in a branch by which it is judged what fits there: the best so far, the baseline's, or the middle ones."""
    for about in (*known.at_best, axes.baseline_sample):
        if axes.branch(about) == branch:
            return others_of(about)
    return {axis.key: _at(axis, 0.5) for axis in axes.others_in(branch)} | _kind(axes, branch)


def _kind(axes: Axes, branch: Branch) -> Sample:
    """What says in a sample that it lies in this branch."""
    kinds = next((axis for axis in axes.others if axis.key == ADAPTER_KIND), None)
    if not isinstance(kinds, Listed):
        return {}
    return {ADAPTER_KIND: next(kind for kind in kinds.values if axes.branch({ADAPTER_KIND: kind}) == branch)}


def _anywhere(
    axes: Axes, sizes: Mapping[Branch, Sequence[float]], branch: Branch, random: np.random.Generator
) -> Wanted:
    others: Sample = {axis.key: _at(axis, random.random()) for axis in axes.others_in(branch)} | _kind(axes, branch)
    some = sizes[branch]
    return Wanted(size=some[int(random.integers(len(some)))], micro_batch=None, others=others)


def _nearby(axes: Axes, sizes: Sequence[float], about: Sample, near: float, random: np.random.Generator) -> Wanted:
    """About a sample, in its branch: another branch has other keys, and a rate of another size."""
    others: Sample = {}
    drawn = axes.others_in(axes.branch(about))
    for axis in drawn:
        keeps = len(drawn) > 1 and random.random() < _KEPT and axis.key != RATE
        if axis.key == ADAPTER_KIND:
            others[axis.key] = about[axis.key]
            continue
        place = _place(axis, about[axis.key])
        if keeps and place is not None:
            others[axis.key] = _at(axis, place)
        elif place is None or (isinstance(axis, Listed) and not axis.ordered):
            others[axis.key] = _at(axis, random.random())
        else:
            others[axis.key] = _at(axis, min(max(place + near * random.standard_normal(), 0.0), 1.0))
    logs = np.log(sizes)
    wanted = math.log(axes.effective_batch_size(about)) + near * (logs[-1] - logs[0]) * random.standard_normal()
    return Wanted(size=sizes[int(np.abs(logs - wanted).argmin())], micro_batch=None, others=others)


def _at(axis: Axis, share: float) -> Any:
    """The value at a share of the axis."""
    if isinstance(axis, Listed):
        return axis.values[min(int(share * len(axis.values)), len(axis.values) - 1)]
    if axis.log:
        value = math.exp(math.log(axis.low) + share * (math.log(axis.high) - math.log(axis.low)))
    else:
        value = axis.low + share * (axis.high - axis.low)
    value = min(max(value, axis.low), axis.high)
    return round(value) if axis.whole else value


def _place(axis: Axis, value: Any) -> float | None:
    """The share at which a value lies; None of one outside a list without order."""
    if isinstance(axis, Listed):
        if value in axis.values:
            return (axis.values.index(value) + 0.5) / len(axis.values)
        if not axis.ordered:
            return None
        numbers: Any = axis.values
        return float((np.searchsorted(numbers, value) + 0.5) / len(numbers))
    low, high = (axis.low, axis.high) if not axis.log else (math.log(axis.low), math.log(axis.high))
    value = math.log(max(value, axis.low)) if axis.log else value
    return float(min(max((value - low) / (high - low), 0.0), 1.0)) if high > low else 0.5
