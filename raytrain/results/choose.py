"""Which trial won: records in, those that were trained to their end, best first, out."""

from collections.abc import Iterable, Sequence

from raytrain.config.languages import Rate
from raytrain.results.records import Outcome, Taken, TrialRecord

MEASURES = ("error rate", "peak memory, GiB", "s per 1000 clips")
"""The three measures that a Pareto front is of, in this order; the lower the better in all."""


def measure_names(rate: Rate) -> tuple[str, ...]:
    """The measures by the names that a reader knows them by."""
    return (rate, *MEASURES[1:])


def best_trial(records: Iterable[TrialRecord], *, memory_limit_gib: float | None = None) -> TrialRecord | None:
    """The completed trial with the lowest `eval_wer`, the earlier one of equals; None where none was completed."""
    return next(iter(ranked_trials(records, memory_limit_gib=memory_limit_gib)), None)


def ranked_trials(records: Iterable[TrialRecord], *, memory_limit_gib: float | None = None) -> list[TrialRecord]:
    """The completed trials within the limit, best first.

    A finalist's repeats with other seeds serve the verdict, not the choice.
    """
    candidates = [
        record
        for record in records
        if record.outcome is Outcome.COMPLETED
        and record.eval_wer is not None
        and record.finalist_of is None
        and within_limit(record, memory_limit_gib)
    ]
    return sorted(candidates, key=lambda record: (record.eval_wer, record.number))


def pareto_front(records: Iterable[TrialRecord], *, memory_limit_gib: float | None = None) -> list[TrialRecord]:
    """The completed trials within the limit that no other beats in WER, memory and time at once; lowest WER first."""
    known = [
        (record, found)
        for record in ranked_trials(records, memory_limit_gib=memory_limit_gib)
        if (found := measures(record)) is not None
    ]
    return [known[place][0] for place in undominated([found for _, found in known])]


def measures(record: TrialRecord) -> tuple[float, float, float] | None:
    """WER, peak memory in GiB and seconds of training alone for 1000 clips; None where one of them was not measured.

    Time by clips compares trials that were trained, or probed, for different lengths.
    """
    peak, speed = peak_memory_gib(record), record.train_examples_per_s
    return None if record.eval_wer is None or peak is None or not speed else (record.eval_wer, peak, 1000 / speed)


def undominated(points: Sequence[tuple[float, ...]]) -> list[int]:
    """The places of the points that no other beats by being as low in everything and lower in something."""

    def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
        return one != other and all(low <= high for low, high in zip(one, other, strict=True))

    return [place for place, point in enumerate(points) if not any(beats(other, point) for other in points)]


def baseline_trial(records: Iterable[TrialRecord]) -> TrialRecord | None:
    """The baseline's own trial, number 0; None where there is none yet."""
    return next((record for record in records if record.number == 0 and record.finalist_of is None), None)


def peak_memory_gib(taken: Taken) -> float | None:
    """The peak that counts: what the card had to hold, or without one the process's largest resident set."""
    if taken.peak_memory_reserved_gib is not None:
        return taken.peak_memory_reserved_gib
    return taken.peak_memory_resident_gib


def within_limit(record: TrialRecord, memory_limit_gib: float | None) -> bool:
    """Whether the measured peak keeps the limit, and all else what the space keeps; what was not measured does."""
    peak = peak_memory_gib(record)
    if any(missed > 0 for missed in record.over.values()):
        return False
    return memory_limit_gib is None or peak is None or peak <= memory_limit_gib


def is_own_training(record: TrialRecord) -> bool:
    """Whether it is a training of the search's, to its end: neither a finalist's repeat nor a probe that inherited."""
    return record.outcome is Outcome.COMPLETED and record.finalist_of is None and record.inherited_from is None
