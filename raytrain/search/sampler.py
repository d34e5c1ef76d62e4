"""The next sample of a study: axes and what was tried so far in; values by dotted key out.

A proposal is a function of the seed, the trial's number and the history: there is no state to save, and a study that
was killed proposes what it would have proposed.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import numpy as np
from optuna.trial import TrialState

from raytrain.config.space import Search
from raytrain.search.axes import Axes, Sample
from raytrain.search.borrowed import Borrowed
from raytrain.search.encoding import Tried, Wanted
from raytrain.search.improvement import most_promising
from raytrain.search.knowledge import knowledge
from raytrain.search.optuna_samplers import drawn
from raytrain.search.splits import Splits, once_each

_TRIES, _RANDOM_TRIES = 20, 200
"""Draws, by the sampler and then at random, before a space counts as exhausted."""


def propose(
    axes: Axes,
    tried: Sequence[Tried],
    *,
    search: Search,
    number: int,
    fits: Callable[[Sample], bool] | None = None,
    borrowed: Sequence[Borrowed] = (),
) -> Sample | None:
    """A sample that was not tried before, among those that fit; None when there seems to be none left."""
    seed = int(np.random.SeedSequence([search.seed, number]).generate_state(1)[0])
    splits = Splits(axes, tried, search=search, fits=fits or (lambda sample: True), seed=seed)
    told = to_learn_from(axes, tried, search=search)
    if search.sampler_used == "gp":
        known = knowledge(axes, told, search=search, borrowed=borrowed)
        sample = most_promising(axes, known, splits, tries=_TRIES, seed=seed)
    else:
        wanted = drawn(axes, told, search=search, sampler=search.sampler_used, seed=seed)
        sample = _first_whole(splits, wanted, _TRIES)
    at_random = drawn(axes, told, search=search, sampler="random", seed=seed + 1)
    return sample or _first_whole(splits, at_random, _RANDOM_TRIES)


def to_learn_from(axes: Axes, tried: Sequence[Tried], *, search: Search) -> list[Tried]:
    """What a sampler is told: no failure of ours, and a training that several splits share once."""
    kept = [one for one in tried if one.state != TrialState.FAIL]
    return once_each(axes, kept) if search.reuse_equivalent and not search.is_pareto else kept


def _first_whole(splits: Splits, wanted: Iterable[Wanted], tries: int) -> Sample | None:
    return next((sample for one in islice(wanted, tries) if (sample := splits.complete(one)) is not None), None)
