"""What Optuna learns of a trial that ended: its record in; finite numbers to minimise, and what it broke, out."""

from raytrain.config.space import Keep
from raytrain.results.choose import measures, peak_memory_gib
from raytrain.results.records import WORST_OBJECTIVE, Outcome, TrialRecord

WORST_MEASURES = (WORST_OBJECTIVE, 1000.0, 100_000.0)
"""Beyond every trial that trained to its end: a lost one may not look good for having needed little."""
_LOST = (Outcome.DIVERGED, Outcome.OUT_OF_MEMORY, Outcome.NOT_STARTED, Outcome.FAILED)
_MEMORY, _DIVERGED = "memory_gib", "diverged"


def objective_of(record: TrialRecord) -> float:
    """The one finite number that the sampler of one objective sees, and the rungs of every study."""
    if record.eval_wer is None or record.outcome in _LOST:
        return WORST_OBJECTIVE
    return min(record.eval_wer, WORST_OBJECTIVE)


def measures_of(record: TrialRecord) -> tuple[float, float, float]:
    """The same for the three of a Pareto front."""
    found = measures(record)
    if found is None or record.outcome in _LOST:
        return WORST_MEASURES
    wer, memory_gib, seconds = (min(pair) for pair in zip(found, WORST_MEASURES, strict=True))
    return wer, memory_gib, seconds


def constraints_of(record: TrialRecord, limit_gib: float | None, *, is_pareto: bool) -> dict[str, float]:
    """By name, by how much a trial broke what it has to keep; not above 0 where it kept it."""
    violation = violation_gib(record, limit_gib)
    broken = record.over | ({} if violation is None else {_MEMORY: violation})
    if is_pareto and record.outcome is Outcome.DIVERGED:  # a bad WER alone would leave it on a front
        broken[_DIVERGED] = 1.0
    return broken


def over(record: TrialRecord, keep: Keep) -> dict[str, float]:
    """By how much a trial's error rates on further sets miss what a space keeps, by key; of those that were scored."""
    return {
        f"also.{name}": max(0.0, record.also[name] - bound.high)
        for name, bound in keep.also.items()
        if name in record.also
    }


def violation_gib(record: TrialRecord, limit_gib: float | None) -> float | None:
    """By how much a trial's measured peak missed the limit; what did not fit the hardware missed it by some."""
    peak = record.predicted_memory_gib if record.outcome is Outcome.NOT_STARTED else peak_memory_gib(record)
    missed = peak - limit_gib if peak is not None and limit_gib is not None else None
    return max(missed or 0.0, 0.1) if record.outcome in (Outcome.OUT_OF_MEMORY, Outcome.NOT_STARTED) else missed
