"""Whether a search is done: what is known in; what its remaining trials can be expected to gain, and the answer, out.

Functions that the trials leave possible are drawn from the posterior. In each, what could still be gained is how far
its lowest point lies below the sample that leads. Both the mean of that and nearly all of it must be worth less than
what was said to be worth a trial: a search that was lucky so far is not over by that alone.
"""

from collections.abc import Callable, Sequence

import numpy as np
from optuna.trial import TrialState

from raytrain.config.space import Search
from raytrain.results.early_end import Prospect
from raytrain.search.axes import Axes, Sample
from raytrain.search.borrowed import Borrowed
from raytrain.search.encoding import Tried
from raytrain.search.improvement import candidates
from raytrain.search.knowledge import knowledge
from raytrain.search.splits import Splits, once_each

_FEWEST, _FEWEST_A_KEY = 10, 3
"""Trainings that must have ended before a search may be done, and how many more for each key that varies."""
_CHANCE = 0.02
"""With which more than what is worth a trial may be missed."""
_DRAWS, _POINTS = 400, 300


def fewest(axes: Axes) -> int:
    """Trainings that must have ended before a search of these axes may be done."""
    return _FEWEST + _FEWEST_A_KEY * (len(axes.others) + bool(axes.factors))


def is_done(axes: Axes, found: Prospect) -> bool:
    """Whether no further trial is worth its time."""
    return found.ended >= fewest(axes) and found.expected_gain < found.worth and found.chance <= _CHANCE


def prospect(
    axes: Axes,
    tried: Sequence[Tried],
    *,
    search: Search,
    number: int,
    fits: Callable[[Sample], bool] | None = None,
    borrowed: Sequence[Borrowed] = (),
) -> Prospect | None:
    """What the trial of this number and those after it are worth; None where that is not asked, or not known yet.

    A function of the seed, the number and the history, as proposals are. What still runs may yet show anything.
    """
    if search.worth_wer is None or search.is_pareto:
        return None
    if sum(one.state in (TrialState.COMPLETE, TrialState.PRUNED) for one in tried) < fewest(axes):
        return None
    told = once_each(axes, [one for one in tried if one.state in (TrialState.COMPLETE, TrialState.PRUNED)])
    known = knowledge(axes, told, search=search, borrowed=borrowed)
    if known.leader is None:
        return None
    seed = int(np.random.SeedSequence([search.seed, number, 1]).generate_state(1)[0])
    splits = Splits(axes, tried, search=search, fits=fits or (lambda sample: True), seed=seed)
    random = np.random.default_rng(seed)
    wanted = candidates(axes, known, splits, random=random)
    if not wanted:
        return None
    some = [wanted[place] for place in random.permutation(len(wanted))[:_POINTS]]
    points = known.coordinates.of([one.size for one in some], [one.others for one in some])
    leader = known.coordinates.of_samples([known.leader])
    wers = np.exp(known.posterior.draw(np.concatenate([leader, points]), count=_DRAWS, seed=seed))
    gains = wers[:, 0] - wers.min(axis=1)
    return Prospect(
        ended=known.num_seen,
        expected_gain=float(gains.mean()),
        chance=float((gains > search.worth_wer).mean()),
        worth=search.worth_wer,
    )
