"""Which trial won: records in, those that were trained to their end, best first, out."""

from collections.abc import Iterable

from raytrain.results.records import Outcome, TrialRecord


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


def baseline_trial(records: Iterable[TrialRecord]) -> TrialRecord | None:
    """Trial 0."""
    return next((record for record in records if record.number == 0 and record.finalist_of is None), None)


def peak_memory_gib(record: TrialRecord) -> float | None:
    """The peak that counts: what the card had to hold, or without one the process's largest resident set."""
    if record.peak_memory_reserved_gib is not None:
        return record.peak_memory_reserved_gib
    return record.peak_memory_resident_gib


def within_limit(record: TrialRecord, memory_limit_gib: float | None) -> bool:
    """Whether the measured peak keeps the limit; a trial with no measurement does."""
    peak = peak_memory_gib(record)
    return memory_limit_gib is None or peak is None or peak <= memory_limit_gib
