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
    # Of trials that share a training one has the weights.
    trained = {record.trial_id: record.inherited_from or record.trial_id for record in records}
    ranked = ranked_trials(records, memory_limit_gib=memory_limit_gib)
    best = list(dict.fromkeys(trained[record.trial_id] for record in ranked))[: search.keep_weights]
    judged = finalists(records, count=search.finalists, memory_limit_gib=memory_limit_gib)
    # Those of a study that was extended since are judged still.
    before = [record.finalist_of for record in records if record.finalist_of is not None]
    wanted = {*best, *(trained[trial_id] for trial_id in [*before, *(one.trial_id for one in judged)])}
    return [record for record in kept if record.trial_id in wanted or record.number == 0]


def most_weights(search: Search) -> int:
    """Of how many trials weights stay, at most, in a study that is not extended once it has judged."""
    if search.keep_weights is None:
        return search.trials
    return min(search.trials, max(search.keep_weights, search.finalists) + 1)
