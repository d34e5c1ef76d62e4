"""Which samples will fit: predicted peaks and what trials made of them in; the largest predicted peak to launch, out.

A prediction is off by a factor that belongs to the card, the drivers and the data, much the same for every trial of a
study. The baseline runs first and shows most of it; each later trial narrows it, and one that ran out of memory
corrects it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

UNMEASURED_FACTOR = 1.2
"""The largest factor between a peak and its prediction that is reckoned with while no trial has shown one."""
_SCATTER = 0.02
"""How far a trial's peak lies from the common factor, as a share of it: windows and transcripts fall differently."""
_STEP_BACK = 0.05
"""After a trial ran out of memory, nothing is launched whose prediction is not smaller by this share: the trial shows
that it did not fit, not by how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """One trial's memory, as predicted and as it turned out."""

    predicted_gib: float
    measured_gib: float | None
    """The peak of a trial that fitted; None for one that ran out of memory."""


def largest_launchable_gib(peaks: Sequence[Peak], *, limit_gib: float) -> float:
    """The largest predicted peak that stays within the limit, going by the trials that have ended."""
    by_factor = limit_gib / upper_factor(peaks)
    too_large = [peak.predicted_gib / (1 + _STEP_BACK) for peak in peaks if peak.measured_gib is None]
    return min([by_factor, *too_large])


def upper_factor(peaks: Sequence[Peak]) -> float:
    """The factor between a peak and its prediction, at most: the mean seen, and beyond it twice what trials scatter,
    since the mean may be low and the next trial high.

    Where trials scatter more than expected, the prediction is off by more than a factor, and the margin grows with it.
    """
    factors = [peak.measured_gib / peak.predicted_gib for peak in peaks if peak.measured_gib is not None]
    if not factors:
        return UNMEASURED_FACTOR
    mean = sum(factors) / len(factors)
    scatter = max([_SCATTER, *(abs(factor / mean - 1) for factor in factors)])
    return mean * (1 + 2 * scatter)
