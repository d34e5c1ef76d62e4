"""Whose weights stay in a study: its records in; the trials that keep theirs out.

The winner's are always among them, whatever the finalists' further trainings will say: it is one of them, or the
baseline.
"""

from collections.abc import Sequence

from raytrain.config.space import Search
from raytrain.results.choose import ranked_trials
from raytrain.results.records import TrialRecord
from raytrain.search.finalists import finalists


def keeps_weights(
    records: Sequence[TrialRecord], *, search: Search, memory_limit_gib: float | None
) -> list[TrialRecord]:
    """The trials whose weights stay: the best `search.keep_weights`, the finalists and the baseline; or all."""
    kept = [record for record in records if record.checkpoint is not None]
    if search.keep_weights is None:
        return kept
    ranked = ranked_trials(records, memory_limit_gib=memory_limit_gib)
    # Of trials that share a training one has the weights.
    best = list(dict.fromkeys(record.inherited_from or record.trial_id for record in ranked))[: search.keep_weights]
    judged = finalists(records, count=search.finalists, memory_limit_gib=memory_limit_gib)
    wanted = {*best, *(record.inherited_from or record.trial_id for record in judged)}
    return [record for record in kept if record.trial_id in wanted or record.number == 0]


def most_weights(search: Search) -> int:
    """Of how many trials weights stay, at most."""
    if search.keep_weights is None:
        return search.trials
    return min(search.trials, max(search.keep_weights, search.finalists) + 1)
