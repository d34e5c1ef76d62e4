"""Which trials are trained again: a study's records in; its finalists, and their trainings that are still missing, out.

The winner of a search is in part the luckiest of many trainings. So the best few and the baseline are trained with
further seeds, and these trainings alone judge them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from raytrain.config.baseline import Baseline
from raytrain.config.space import Search
from raytrain.results.choose import baseline_trial, ranked_trials
from raytrain.results.records import Outcome, TrialRecord


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """One further training."""

    finalist: TrialRecord
    seed: int
    """The training's own seed; the split of the data stays the study's."""


def further_seeds(search: Search, baseline: Baseline) -> int:
    """How often each finalist is trained again: never from random weights, of which a verdict would mean nothing."""
    return search.seeds - 1 if search.finalists and baseline.model.pretrained is not None else 0


def judged_seeds(search: Search, baseline: Baseline) -> int | None:
    """By how many seeds the best is judged; None where the weights are random, and no number of them says anything."""
    return None if baseline.model.pretrained is None else 1 + further_seeds(search, baseline)


def finalists(records: Sequence[TrialRecord], *, count: int, memory_limit_gib: float | None) -> list[TrialRecord]:
    """The baseline and the best `count` trials; nothing where there is no baseline, or no other, to compare.

    Of trials that share a training, the best that keeps the limit stands for all.
    """
    baseline = baseline_trial(records)
    if baseline is None or baseline.outcome is not Outcome.COMPLETED or baseline.eval_wer is None:
        return []
    by_training: dict[str, TrialRecord] = {}
    for record in ranked_trials(records, memory_limit_gib=memory_limit_gib):
        by_training.setdefault(record.inherited_from or record.trial_id, record)
    others = [record for trained, record in list(by_training.items())[:count] if trained != baseline.trial_id]
    return [baseline, *others] if others else []


def missing_repeats(records: Sequence[TrialRecord], *, search: Search, memory_limit_gib: float | None) -> list[Repeat]:
    """Trainings that have not ended yet, however they ended; seed by seed, so that a study cut short is balanced."""
    ended = {(record.finalist_of, record.seed) for record in records if record.finalist_of is not None}
    chosen = finalists(records, count=search.finalists, memory_limit_gib=memory_limit_gib)
    return [
        Repeat(finalist=finalist, seed=finalist.seed + further)
        for further in range(1, search.seeds)
        for finalist in chosen
        if (finalist.trial_id, finalist.seed + further) not in ended
    ]
