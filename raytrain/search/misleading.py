"""Whether an earlier study misleads: what was seen there and what here in; how it ranks samples, as far as that can be
told, out.

What fine-tuning has shown tells before this study's trials do: a study is read as it is, and backwards, its lowest WERs
as its highest. One that is far likelier backwards has its bowl upside down. Of all others the trials tell by their
order, once two of them clearly differ.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto

import numpy as np

from raytrain.search.coordinates import Column
from raytrain.search.posterior import Observed, Posterior

_CLEAR = 0.04
"""Logarithm of WERs from which on two trials clearly differ."""
_BACKWARDS = 1.5
"""Logarithm of how much less likely a study is taken to be backwards, before it is read. Rehearsed studies are likelier
as they are, by 2.3 or more; of 112 that were reversed all but two are likelier backwards by more than this."""


class Ranking(Enum):
    """How an earlier study ranks the samples of this one."""

    RIGHT = auto()
    UNTOLD = auto()
    """It may well be right, but no trials of this study have told yet."""
    WRONG = auto()


def ranking(columns: Sequence[Column], theirs: Observed, ours: Observed) -> Ranking:
    """How a borrowed study ranks; both are given as if either were the only one."""
    forwards, backwards = (Posterior(columns, replace(theirs, values=sign * theirs.values)) for sign in (1, -1))
    if backwards.likelihood > forwards.likelihood + _BACKWARDS:
        return Ranking.WRONG
    rightly = _rightly_ranked(forwards, ours)
    if rightly is None:
        return Ranking.UNTOLD
    return Ranking.RIGHT if rightly > 0 else Ranking.WRONG


def _rightly_ranked(theirs: Posterior, seen: Observed) -> float | None:
    """Of the pairs of this study's trials that clearly differ by both, how many more a borrowed study ranks rightly
    than wrongly; None where no pair does."""
    expected, _ = theirs.predict(seen.points)
    by_them, by_us = (values[:, None] - values[None, :] for values in (expected, seen.values))
    clear = (np.abs(by_them) > _CLEAR) & (np.abs(by_us) > _CLEAR)
    return float((np.sign(by_them) * np.sign(by_us))[clear].sum() / 2) if clear.any() else None
