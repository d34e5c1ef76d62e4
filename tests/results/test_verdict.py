"""The verdict says in one sentence what the data can bear, and no more."""

import shutil
from pathlib import Path

import pytest
from making import config, record, utterances

from raytrain.errors import InputError
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.transcripts import read_counts, transcripts_path
from raytrain.results.verdict import Finding, verdict
from raytrain.results.wording import label, short, signed

BASELINE = record(0, eval_wer=0.3)
CHALLENGER = record(1, eval_wer=0.2, config=config(8, 5, 1.6e-5), effective_batch_size=40)


def study(folder: Path, *, wers: list[tuple[TrialRecord, float]], children: int = 20) -> list[TrialRecord]:
    """Records whose utterances are written, with about these error rates."""
    for one, wer in wers:
        utterances(folder, one.number, wer=wer, children=children)
    return [one for one, _ in wers]


def repeats(of: TrialRecord, numbers: range, wer: float) -> list[tuple[TrialRecord, float]]:
    """A finalist trained again with further seeds."""
    return [
        (record(number, finalist_of=of.trial_id, config=of.config, seed=100 + number, eval_wer=wer), wer)
        for number in numbers
    ]


def test_a_gain_that_holds_over_children_and_seeds_is_called_better(tmp_path: Path) -> None:
    once = [(BASELINE, 0.3), (CHALLENGER, 0.2)]
    records = study(
        tmp_path, wers=[*once, *repeats(CHALLENGER, range(2, 5), 0.2), *repeats(BASELINE, range(5, 8), 0.3)]
    )
    found = verdict(records, tmp_path)
    assert found.finding is Finding.BETTER
    assert found.sentence.startswith("batch 8 × 5, lr 1.6e-5: WER 0.2")
    assert found.sentence.endswith(", 3 seeds): better.")
    assert "(difference −0." in found.sentence
    assert found.best == CHALLENGER


def test_a_gain_within_the_noise_is_not_distinguishable_and_says_what_to_keep(tmp_path: Path) -> None:
    once = [(BASELINE, 0.3), (CHALLENGER, 0.29)]
    records = study(
        tmp_path, wers=[*once, *repeats(CHALLENGER, range(2, 5), 0.3), *repeats(BASELINE, range(5, 8), 0.3)]
    )
    found = verdict(records, tmp_path)
    assert found.finding is Finding.NOT_DISTINGUISHABLE
    assert found.sentence.endswith("3 seeds): not distinguishable from the baseline; keep 12 × 3.")


@pytest.mark.parametrize(("wer", "end", "low", "high"), [(0.29, "high", 0, 0.01), (0.356, "low", -0.01, 0)])
def test_an_interval_that_just_reaches_zero_is_neither_better_nor_worse(
    tmp_path: Path, wer: float, end: str, low: float, high: float
) -> None:
    once = [(BASELINE, 0.3), (CHALLENGER, wer)]
    records = study(
        tmp_path, wers=[*once, *repeats(CHALLENGER, range(2, 5), wer), *repeats(BASELINE, range(5, 8), 0.3)]
    )
    found = verdict(records, tmp_path)
    assert low < getattr(found.comparisons[CHALLENGER.trial_id], end) < high
    assert found.finding is Finding.NOT_DISTINGUISHABLE


def test_a_winner_that_its_repeats_contradict_is_called_worse(tmp_path: Path) -> None:
    once = [(BASELINE, 0.3), (CHALLENGER, 0.2)]
    records = study(
        tmp_path, wers=[*once, *repeats(CHALLENGER, range(2, 5), 0.5), *repeats(BASELINE, range(5, 8), 0.3)]
    )
    found = verdict(records, tmp_path)
    assert found.finding is Finding.WORSE
    assert found.best == BASELINE  # what to train with


def test_the_finalist_whose_repeats_did_best_wins_over_the_one_that_was_best_at_first(tmp_path: Path) -> None:
    other = record(2, eval_wer=0.22, config=config(20, 2, 1.6e-5))
    finalists = repeats(CHALLENGER, range(3, 6), 0.25) + repeats(other, range(6, 9), 0.15)
    once = [(BASELINE, 0.3), (CHALLENGER, 0.2), (other, 0.22)]
    records = study(tmp_path, wers=[*once, *finalists, *repeats(BASELINE, range(9, 12), 0.3)])
    found = verdict(records, tmp_path)
    assert (found.best, found.baseline) == (other, BASELINE)
    assert found.sentence.startswith("batch 20 × 2, lr 1.6e-5: WER 0.1")
    assert list(found.comparisons) == [CHALLENGER.trial_id, other.trial_id]


def test_one_further_training_each_is_too_few_to_judge_by(tmp_path: Path) -> None:
    other = record(2, eval_wer=0.25)
    once = [(BASELINE, 0.3), (CHALLENGER, 0.2), (other, 0.25)]
    records = study(
        tmp_path, wers=[*once, *repeats(CHALLENGER, range(3, 4), 0.2), *repeats(BASELINE, range(4, 5), 0.3)]
    )
    assert list(verdict(records, tmp_path).comparisons) == [CHALLENGER.trial_id, other.trial_id]


def test_what_was_stopped_is_not_compared_though_it_left_utterances(tmp_path: Path) -> None:
    stopped = record(2, outcome=Outcome.PRUNED, eval_wer=0.1)
    records = study(tmp_path, wers=[(BASELINE, 0.3), (CHALLENGER, 0.2), (stopped, 0.1)])
    assert list(verdict(records, tmp_path).comparisons) == [CHALLENGER.trial_id]


def test_what_misses_the_memory_limit_does_not_win(tmp_path: Path) -> None:
    large = record(2, eval_wer=0.1, peak_memory_reserved_gib=9.0)
    found = verdict([BASELINE, CHALLENGER, large], tmp_path, memory_limit_gib=8.0)
    assert found.best == CHALLENGER
    assert verdict([BASELINE, CHALLENGER, large], tmp_path).best == large


def test_a_finalist_that_inherited_its_wer_is_judged_by_its_own_repeats(tmp_path: Path) -> None:
    twin = record(2, eval_wer=0.2, config=config(20, 2, 1.6e-5), inherited_from=CHALLENGER.trial_id)
    once = [(BASELINE, 0.3), (CHALLENGER, 0.2), (twin, 0.2)]
    records = study(tmp_path, wers=[*once, *repeats(twin, range(3, 6), 0.2), *repeats(BASELINE, range(6, 9), 0.3)])
    found = verdict(records, tmp_path)
    assert (found.finding, found.best) == (Finding.BETTER, twin)


def test_the_trainings_that_chose_a_finalist_do_not_judge_it(tmp_path: Path) -> None:
    once = [(BASELINE, 0.3), (CHALLENGER, 0.01)]
    records = study(
        tmp_path, wers=[*once, *repeats(CHALLENGER, range(2, 5), 0.3), *repeats(BASELINE, range(5, 8), 0.3)]
    )
    assert abs(verdict(records, tmp_path).comparisons[CHALLENGER.trial_id].difference) < 0.05


def test_one_seed_is_too_little_data_to_say(tmp_path: Path) -> None:
    found = verdict(study(tmp_path, wers=[(BASELINE, 0.3), (CHALLENGER, 0.2)]), tmp_path)
    assert found.finding is Finding.TOO_LITTLE_DATA
    assert ", 95 % −" in found.sentence
    assert found.sentence.endswith(
        "1 seed): too little data to say, since one seed cannot tell a better configuration from a luckier training."
    )


def test_under_eight_children_are_too_little_data_to_say(tmp_path: Path) -> None:
    once = [(BASELINE, 0.3), (CHALLENGER, 0.2)]
    repeated = [*once, *repeats(CHALLENGER, range(2, 5), 0.1), *repeats(BASELINE, range(5, 8), 0.3)]
    found = verdict(study(tmp_path, wers=repeated, children=7), tmp_path)
    assert found.finding is Finding.TOO_LITTLE_DATA
    assert found.sentence.endswith("3 seeds): too little data to say, with 7 validation children.")


def test_eight_children_and_two_seeds_are_enough_to_say(tmp_path: Path) -> None:
    once = [(BASELINE, 0.3), (CHALLENGER, 0.1)]
    repeated = [*once, *repeats(CHALLENGER, range(2, 4), 0.05), *repeats(BASELINE, range(4, 6), 0.6)]
    found = verdict(study(tmp_path, wers=repeated, children=8), tmp_path)
    assert found.finding is Finding.BETTER
    assert found.sentence.endswith(", 2 seeds): better.")


def test_one_child_is_spoken_of_as_one(tmp_path: Path) -> None:
    found = verdict(study(tmp_path, wers=[(BASELINE, 0.3), (CHALLENGER, 0.2)], children=1), tmp_path)
    assert found.sentence.endswith("too little data to say, with 1 validation child.")


def test_trainings_that_erred_alike_are_not_distinguishable(tmp_path: Path) -> None:
    once = [(BASELINE, 0.3), (CHALLENGER, 0.29)]
    records = study(
        tmp_path, wers=[*once, *repeats(CHALLENGER, range(2, 4), 0.3), *repeats(BASELINE, range(4, 6), 0.3)]
    )
    for number in range(3, 6):
        shutil.copyfile(transcripts_path(tmp_path, 2), transcripts_path(tmp_path, number))
    found = verdict(records, tmp_path)
    assert (found.comparisons["t001"].low, found.comparisons["t001"].high) == (0, 0)
    assert (found.finding, found.best) == (Finding.NOT_DISTINGUISHABLE, BASELINE)


def test_a_baseline_that_nobody_beat_is_kept(tmp_path: Path) -> None:
    found = verdict(study(tmp_path, wers=[(record(0, eval_wer=0.1), 0.1), (CHALLENGER, 0.2)]), tmp_path)
    assert found.finding is Finding.BASELINE_IS_BEST
    assert found.sentence == "No trial scored below the baseline's WER of 0.100; keep 12 × 3."


def test_without_utterances_nothing_is_claimed(tmp_path: Path) -> None:
    found = verdict([BASELINE, CHALLENGER], tmp_path)
    assert found.finding is Finding.TOO_LITTLE_DATA
    assert found.sentence.endswith(
        "WER 0.200 against the baseline's 0.300 (difference −0.100): "
        "too little data to say, without both trials' utterances on one validation set."
    )


def test_a_wer_of_nothing_is_a_wer(tmp_path: Path) -> None:
    found = verdict([BASELINE, record(1, eval_wer=0.0)], tmp_path)
    assert "WER 0.000 against the baseline's 0.300 (difference −0.300)" in found.sentence


def test_with_nothing_completed_there_is_nothing_to_choose(tmp_path: Path) -> None:
    found = verdict([record(0, outcome=Outcome.DIVERGED)], tmp_path)
    assert (found.finding, found.best) == (Finding.NO_RESULT, None)
    assert verdict([record(0, outcome=Outcome.PRUNED, eval_wer=0.3)], tmp_path).finding is Finding.NO_RESULT
    assert verdict([], tmp_path).baseline is None
    assert found.sentence == "No trial was completed: there is nothing to choose."


def test_a_winner_without_a_baseline_is_only_named(tmp_path: Path) -> None:
    failed = record(0, outcome=Outcome.FAILED)
    found = verdict([failed, CHALLENGER], tmp_path)
    assert (found.finding, found.best, found.baseline) == (Finding.NO_RESULT, CHALLENGER, failed)
    assert verdict([CHALLENGER], tmp_path).finding is Finding.NO_RESULT
    assert found.sentence.endswith("WER 0.200; the baseline has no WER to compare it with.")


def test_an_inherited_winner_is_judged_by_the_training_it_has_its_wer_from(tmp_path: Path) -> None:
    twin = record(2, eval_wer=0.19, config=config(20, 2, 1.6e-5), inherited_from=CHALLENGER.trial_id)
    records = [*study(tmp_path, wers=[(BASELINE, 0.3), (CHALLENGER, 0.2)]), twin]
    assert ", 95 % −" in verdict(records, tmp_path).sentence


def test_what_was_inherited_is_no_further_training_to_compare(tmp_path: Path) -> None:
    twin = record(2, eval_wer=0.2, config=config(20, 2, 1.6e-5), inherited_from=CHALLENGER.trial_id)
    records = study(tmp_path, wers=[(BASELINE, 0.3), (CHALLENGER, 0.2), (twin, 0.2)])
    assert list(verdict(records, tmp_path).comparisons) == [CHALLENGER.trial_id]


def test_a_trial_scored_on_other_utterances_is_not_compared(tmp_path: Path) -> None:
    records = study(tmp_path, wers=[(BASELINE, 0.3)])
    utterances(tmp_path, 1, wer=0.2, children=9)
    assert verdict([*records, CHALLENGER], tmp_path).comparisons == {}


def test_a_configuration_is_named_by_split_rate_and_what_else_was_sampled() -> None:
    sample = {
        "training.batch_size": 8,
        "model.dropout": 0.1,
        "training.spec_augment": None,
        "model.freeze_encoder": True,
    }
    assert (
        label(record(1, sample=sample)) == "batch 12 × 3, lr 1e-5, dropout 0.1, spec augment null, freeze encoder true"
    )


def test_numbers_read_well() -> None:
    assert [short(value) for value in (1.6e-5, 1e-4, 0.1, 12, 2048, 12345678.0)] == [
        "1.6e-5", "1e-4", "0.1", "12", "2048", "1.23e7",
    ]  # fmt: skip
    assert [signed(value) for value in (-0.0124, 0.003, 0.0, -0.0001)] == ["−0.012", "+0.003", "0.000", "0.000"]


def test_spoiled_utterances_are_named(tmp_path: Path) -> None:
    path = transcripts_path(tmp_path, 0)
    path.parent.mkdir(parents=True)
    path.write_text('{"utterance_id": "u", \n')
    with pytest.raises(InputError, match=r"trials/0/utterances\.jsonl:1: not JSON"):
        read_counts(path)


def test_several_workers_are_part_of_a_split_in_words() -> None:
    two = config(workers=2)
    assert label(record(1, config=two)) == "batch 12 × 3 × 2, lr 1e-5"
