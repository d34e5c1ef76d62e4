"""Which samples train nothing new: a configuration and the trials that ended in; the trial whose WER it has, out.

By the equal-step property, what a run learns depends on its effective batch and not on how that is split into
micro-batches and over workers. So a split of a batch that was trained is only probed: a few steps tell its memory and
its speed.
"""

from collections.abc import Sequence
from dataclasses import fields, replace

from raytrain.config.baseline import FACTORS, Baseline
from raytrain.config.reader import apply_sample
from raytrain.results.records import Learnt, Outcome, TrialRecord

_PROBE_STEPS = 4
_PROBE_EVALUATIONS = 2
"""Batches of evaluation: as many as show its memory."""


class Equivalents:
    """Finds the trial that was trained to its end with the same effective batch, all else but its split the same."""

    def __init__(self) -> None:
        self._by_training: dict[str, TrialRecord] = {}
        self._num_known = 0

    def find(self, config: Baseline, records: Sequence[TrialRecord]) -> TrialRecord | None:
        """Of a study's records, to which some may have been added since it was asked last, the first; None without."""
        for record in records[self._num_known :]:
            if _is_whole(record):
                self._by_training.setdefault(_training(record.config), record)
        self._num_known = len(records)
        return self._by_training.get(_training(config))


def probe_of(config: Baseline, *, budget_examples: int) -> tuple[Baseline, int]:
    """What is run instead of the whole, and its length in examples."""
    scored = _PROBE_EVALUATIONS * config.evaluation.batch_size
    most = config.evaluation.max_utterances
    probe = apply_sample(config, {"evaluation.max_utterances": scored if most is None else min(scored, most)})
    return probe, min(budget_examples, _PROBE_STEPS * config.effective_batch_size())


def inherit(probed: TrialRecord, trained: TrialRecord) -> TrialRecord:
    """A probe's record, its memory and speed its own, with what the other trial learnt.

    A few steps without their warm-up may diverge; that says nothing of the whole run, which did not.
    """
    if probed.outcome not in (Outcome.COMPLETED, Outcome.DIVERGED):
        return probed
    reason = f"as {trained.trial_id}: the same step, split otherwise"
    learnt = {one.name: getattr(trained, one.name) for one in fields(Learnt) if one.name != "history"}
    return replace(
        probed,
        outcome=Outcome.COMPLETED,
        reason=f"{reason}; equal in distribution (dropout)" if probed.config.model.dropout else reason,
        **learnt,
        steps=trained.steps,
        inherited_from=trained.trial_id,
        checkpoint=None,
    )


def _is_whole(record: TrialRecord) -> bool:
    """Trained to its end, by the search itself."""
    trained = record.outcome is Outcome.COMPLETED and record.eval_wer is not None
    return trained and record.inherited_from is None and record.finalist_of is None


def _training(config: Baseline) -> str:
    """The same run with its effective batch as one micro-batch: equal for all that split one training otherwise."""
    whole = dict.fromkeys(FACTORS, 1) | {"training.batch_size": config.effective_batch_size()}
    return apply_sample(config, whole, is_from_space=True).model_dump_json()
