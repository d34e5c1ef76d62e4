"""Is the winner real? A study's records and utterances in; one sentence that claims no more than they do out."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from raytrain.results.choose import baseline_trial, best_trial
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.significance import Comparison, Contender, compare, contender
from raytrain.results.transcripts import UtteranceCounts, read_counts, transcripts_path
from raytrain.results.wording import counted, label, signed, split_text

MIN_CHILDREN = 8
_HIGHEST_RATIO = 0.5
"""Of children to score: beyond that more are heard than learnt from."""


def ratio_for(children: int, *, known: int) -> float | None:
    """The data.validation_ratio by which so many of the known children are scored, and one more, since it is of clips
    that a share is taken; None where more than half would be."""
    ratio = math.ceil(100 * (children + 1) / known) / 100 if known else 1.0
    return ratio if ratio <= _HIGHEST_RATIO else None


class Finding(StrEnum):
    """What can be said of the winner."""

    BETTER = "better"
    WORSE = "worse"
    NOT_DISTINGUISHABLE = "not distinguishable"
    TOO_LITTLE_DATA = "too little data"
    BASELINE_IS_BEST = "the baseline is best"
    NO_RESULT = "no result"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the sentence is about: the configuration chosen, by the trainings that judge it."""

    comparison: Comparison
    wer: float
    """Their mean, as the baseline's below; both by the same number of seeds where there were repeats."""
    baseline_wer: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What can be said of the winner, in one sentence, and what that rests on."""

    finding: Finding
    sentence: str
    best: TrialRecord | None
    """What to train with: the baseline, where no finalist's further trainings scored below its own."""
    baseline: TrialRecord | None
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    """By trial_id, each configuration against the baseline."""
    judged: Judged | None = None
    """None where the baseline is the best, or nothing could be compared."""


def verdict(records: Sequence[TrialRecord], folder: Path, *, memory_limit_gib: float | None = None) -> Verdict:
    """The best trial against the baseline, over children and, where finalists were trained again, over seeds."""
    best, baseline = best_trial(records, memory_limit_gib=memory_limit_gib), baseline_trial(records)
    if best is None or baseline is None or baseline.eval_wer is None:
        finding, sentence = Finding.NO_RESULT, _nothing_to_compare(best)
        return Verdict(finding=finding, sentence=sentence, best=best, baseline=baseline)
    contenders = _repeated(records, folder, baseline) or _trained_once(records, folder, baseline)
    reference = contenders.pop(baseline.trial_id, None)
    comparisons: dict[str, Comparison] = {}
    preferred: TrialRecord | None = None
    judged: Judged | None = None
    if reference is not None and contenders:
        comparisons = dict(zip(contenders, compare(list(contenders.values()), reference), strict=True))
        if reference.num_seeds > 1:
            # Chosen anew, by the trainings that did not make it a finalist.
            first = min(comparisons, key=lambda trial_id: comparisons[trial_id].difference)
            best = next(record for record in records if record.trial_id == first)
            if comparisons[first].difference >= 0:
                preferred = baseline
    trained = best.trial_id if best.trial_id in comparisons else best.inherited_from or best.trial_id
    if trained == baseline.trial_id:
        finding, sentence = Finding.BASELINE_IS_BEST, _baseline_is_best(baseline)
    elif reference is None or trained not in comparisons:
        finding, sentence = Finding.TOO_LITTLE_DATA, _without_utterances(best, baseline)
    else:
        rate = baseline.config.model.rate()
        judged = Judged(comparison=comparisons[trained], wer=contenders[trained].wer, baseline_wer=reference.wer)
        lead = f"{label(best)}: {rate} {judged.wer:.3f} against the baseline's {judged.baseline_wer:.3f}"
        finding, sentence = _judged(lead, judged.comparison, keep=split_text(baseline.config))
    return Verdict(
        finding=finding,
        sentence=sentence,
        best=preferred or best,
        baseline=baseline,
        comparisons=comparisons,
        judged=judged,
    )


def judged_weights(found: Comparison) -> Finding:
    """What can be said of one set of weights beside another, trained already: there is no luck of training left in it,
    and the children alone decide."""
    if found.num_children < MIN_CHILDREN:
        return Finding.TOO_LITTLE_DATA
    if found.high < 0:
        return Finding.BETTER
    return Finding.WORSE if found.low > 0 else Finding.NOT_DISTINGUISHABLE


def _repeated(records: Sequence[TrialRecord], folder: Path, baseline: TrialRecord) -> dict[str, Contender]:
    """Finalists and baseline by their further trainings; those that chose the finalists are left out."""
    trainings = _trainings([(one.finalist_of, one) for one in records if one.finalist_of is not None], folder)
    return _comparable({trial_id: all_of for trial_id, all_of in trainings.items() if len(all_of) > 1}, baseline)


def _trained_once(records: Sequence[TrialRecord], folder: Path, baseline: TrialRecord) -> dict[str, Contender]:
    """Every completed trial, since the best was chosen among all of them."""
    once = [(one.trial_id, one) for one in records if one.finalist_of is None and one.inherited_from is None]
    return _comparable(_trainings(once, folder), baseline)


def _trainings(trials: Iterable[tuple[str, TrialRecord]], folder: Path) -> dict[str, list[UtteranceCounts]]:
    """Under the trial_id that each is given with, the counts of every completed training that left utterances."""
    found: dict[str, list[UtteranceCounts]] = defaultdict(list)
    for trial_id, record in trials:
        scored = read_counts(transcripts_path(folder, record.number)) if record.outcome is Outcome.COMPLETED else None
        if scored is not None:
            found[trial_id].append(scored)
    return found


def _comparable(trainings: dict[str, list[UtteranceCounts]], baseline: TrialRecord) -> dict[str, Contender]:
    """The contenders that scored the baseline's utterances; nothing where the baseline is not among them."""
    if baseline.trial_id not in trainings:
        return {}
    scored = trainings[baseline.trial_id][0]
    return {
        trial_id: contender(trial_id, all_of)
        for trial_id, all_of in trainings.items()
        if all(one.pairs_with(scored) for one in all_of)
    }


def _judged(lead: str, found: Comparison, *, keep: str) -> tuple[Finding, str]:
    seeds = counted(found.num_seeds, "seed")
    if found.num_children < MIN_CHILDREN:
        few = counted(found.num_children, "validation child", "validation children")
        said = f"(difference {signed(found.difference)}, {seeds}): too little data to say, with {few}."
        return Finding.TOO_LITTLE_DATA, f"{lead} {said}"
    lead += f" (difference {signed(found.difference)}, 95 % {signed(found.low)} to {signed(found.high)}, {seeds})"
    if found.num_seeds == 1:
        why = "since one seed cannot tell a better configuration from a luckier training"
        return Finding.TOO_LITTLE_DATA, f"{lead}: too little data to say, {why}."
    if found.high < 0:
        return Finding.BETTER, f"{lead}: better."
    if found.low > 0:
        return Finding.WORSE, f"{lead}: worse than the baseline; keep {keep}."
    return Finding.NOT_DISTINGUISHABLE, f"{lead}: not distinguishable from the baseline; keep {keep}."


def _without_utterances(best: TrialRecord, baseline: TrialRecord) -> str:
    rate, wer, baseline_wer = best.config.model.rate(), best.eval_wer or 0.0, baseline.eval_wer or 0.0
    return (
        f"{label(best)}: {rate} {wer:.3f} against the baseline's {baseline_wer:.3f} (difference "
        f"{signed(wer - baseline_wer)}): too little data to say, without both trials' utterances on one validation set."
    )


def _baseline_is_best(baseline: TrialRecord) -> str:
    rate, keep = baseline.config.model.rate(), split_text(baseline.config)
    return f"No trial scored below the baseline's {rate} of {baseline.eval_wer:.3f}; keep {keep}."


def _nothing_to_compare(best: TrialRecord | None) -> str:
    if best is None:
        return "No trial was completed: there is nothing to choose."
    rate = best.config.model.rate()
    return f"{label(best)}: {rate} {best.eval_wer:.3f}; the baseline has no {rate} to compare it with."
