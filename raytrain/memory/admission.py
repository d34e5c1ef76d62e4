"""Which samples are worth a start: predictions, the card, the limit and what trials have shown in; the verdict out.

Where a card is not known and no limit is set nothing is refused, and every trial has a card of its own.
"""

import math
from collections.abc import Sequence

from raytrain.config.baseline import Baseline
from raytrain.memory.fitting import Peak, largest_launchable_gib, upper_factor
from raytrain.memory.footprint import Footprint
from raytrain.memory.prediction import CONTEXT_GIB, FRACTION_MARGIN, gpu_fraction
from raytrain.results.records import Outcome, TrialRecord


class Admission:
    """Judges samples by their predicted memory. Reserved memory is compared with the limit, as it is measured; with the
    card, what lies beside it counts too."""

    def __init__(self, footprint: Footprint, *, card_gib: float | None, limit_gib: float | None) -> None:
        """`card_gib` is the largest card's: what does not fit there fits nowhere."""
        self._footprint, self._card_gib = footprint, card_gib
        bounds = []  # the most that may be reserved, what lies beside it, and both in words
        if card_gib is not None:
            bounds.append((card_gib - CONTEXT_GIB, CONTEXT_GIB, f"the card has {card_gib:.4g}"))
        if limit_gib is not None:
            bounds.append((limit_gib, 0.0, f"search.memory_limit_gib is {limit_gib:.4g}"))
        self._bound = min(bounds, default=None)
        self._peaks: list[Peak] = []
        self._num_learnt = 0
        self._go_by_peaks()

    @property
    def refuses(self) -> bool:
        """Whether there is a bound by which samples are refused."""
        return self._bound is not None

    def predicted_gib(self, config: Baseline) -> float:
        """The predicted peak of a run, in all."""
        return self._footprint.predict(config).predicted_memory_gib

    def refusal(self, config: Baseline) -> str | None:
        """Why this is never launched, in a line; None where it may fit."""
        if self._bound is None:
            return None
        most_gib, beside_gib, bound = self._bound
        reserved_gib = self._footprint.predict(config).reserved_gib
        return None if reserved_gib <= most_gib else f"predicted {reserved_gib + beside_gib:.1f} GiB, {bound}"

    def will_fit(self, config: Baseline) -> bool:
        """Whether a sample will fit, going by the trials that have ended; while none has, with room for what a
        prediction may be off."""
        if self._bound is None:
            return True
        reserved_gib = self._footprint.predict(config).reserved_gib
        return reserved_gib <= self._launchable_gib

    def part(self, config: Baseline, card_gib: float | None) -> float | None:
        """The share that a worker gets of a card of this size, with as much room as the trials so far say that a
        prediction may be off; None where the card is too small."""
        scaling = config.scaling
        if scaling.gpu_fraction != "auto":
            return scaling.gpu_fraction
        card_gib = as_capped(card_gib, config)
        if card_gib is None:
            return 1.0
        margin = max(FRACTION_MARGIN, self._upper_factor)
        own = gpu_fraction(self.predicted_gib(config), card_gib=card_gib, margin=margin)
        # NCCL, which several workers talk by, refuses two on one card.
        return own if scaling.num_workers == 1 or own is None else 1.0

    def learn(self, records: Sequence[TrialRecord]) -> None:
        """Go by all trials of a study that have ended so far, to which some may have been added."""
        if len(records) == self._num_learnt:
            return
        added = records[self._num_learnt :]
        self._peaks += [peak for record in added if (peak := self._peak(record)) is not None]
        self._num_learnt = len(records)
        self._go_by_peaks()

    def _go_by_peaks(self) -> None:
        self._upper_factor = upper_factor(self._peaks)
        most_gib = math.inf if self._bound is None else self._bound[0]
        self._launchable_gib = largest_launchable_gib(self._peaks, limit_gib=most_gib)

    def _peak(self, record: TrialRecord) -> Peak | None:
        if record.predicted_memory_gib is None:
            return None
        predicted_gib = record.predicted_memory_gib - CONTEXT_GIB
        if record.outcome is Outcome.OUT_OF_MEMORY and record.gpu_fraction is not None:
            given_gib = record.gpu_share_gib
            if given_gib is None or self._card_gib is None or given_gib >= self._card_gib:
                return Peak(predicted_gib=predicted_gib, measured_gib=None)
            # It outgrew its share, not the largest card: that shows how far predictions are off, at least.
            at_least_gib = max(given_gib - CONTEXT_GIB, predicted_gib) * FRACTION_MARGIN
            return Peak(predicted_gib=predicted_gib, measured_gib=at_least_gib)
        if record.peak_memory_reserved_gib is None:
            return None
        return Peak(predicted_gib=predicted_gib, measured_gib=record.peak_memory_reserved_gib)


def as_capped(card_gib: float | None, config: Baseline) -> float | None:
    """The size of the card that a trial sees: scaling.gpu_memory_gib makes any card behave like a smaller one."""
    return min((size for size in (card_gib, config.scaling.gpu_memory_gib) if size is not None), default=None)
