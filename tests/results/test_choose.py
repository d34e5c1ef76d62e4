"""Which trial is the best: completed, within the limit, trained once, lowest WER."""

from making import record

from raytrain.results.choose import baseline_trial, best_trial
from raytrain.results.records import Outcome

BASELINE = record(0, eval_wer=0.2, peak_memory_resident_gib=3.0)
BEST = record(2, eval_wer=0.15, peak_memory_reserved_gib=6.125)
LOST = record(1, outcome=Outcome.OUT_OF_MEMORY)
RECORDS = [BASELINE, BEST, LOST]


def test_the_best_is_the_completed_trial_with_the_lowest_wer() -> None:
    pruned = record(3, outcome=Outcome.PRUNED, eval_wer=0.1)
    unscored = record(4)
    assert best_trial([*RECORDS, pruned, unscored]) == BEST


def test_of_equals_the_earlier_one_is_best() -> None:
    assert best_trial([record(5, eval_wer=0.15), *RECORDS]) == BEST


def test_there_is_no_best_where_nothing_was_completed() -> None:
    assert best_trial([LOST]) is None


def test_a_trial_above_the_memory_limit_is_not_the_best() -> None:
    assert best_trial(RECORDS, memory_limit_gib=6.0) == BASELINE


def test_a_trial_at_the_memory_limit_keeps_it() -> None:
    assert best_trial(RECORDS, memory_limit_gib=6.125) == BEST


def test_a_finalist_s_repeat_with_another_seed_is_not_chosen() -> None:
    repeat = record(2, trial_id="t002-s1", eval_wer=0.01, finalist_of="t002")
    assert best_trial([*RECORDS, repeat]) == BEST


def test_the_baseline_is_trial_zero() -> None:
    assert baseline_trial(RECORDS) == BASELINE
