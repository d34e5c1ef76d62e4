"""Which trial is the best: completed, within the limit, trained once, lowest WER."""

from typing import Any

import pytest
from making import record

from raytrain.results.choose import baseline_trial, best_trial, measures, pareto_front
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


def test_a_repeat_of_the_baseline_is_not_the_baseline() -> None:
    repeat = record(0, trial_id="t000-s1", finalist_of="t000")
    assert baseline_trial([repeat, *RECORDS]) == BASELINE
    assert baseline_trial([repeat, BEST]) is None


MEASURED = {"eval_wer": 0.2, "peak_memory_reserved_gib": 4.0, "train_examples_per_s": 50.0}


@pytest.mark.parametrize("missing", MEASURED)
def test_a_trial_has_all_three_measures_or_none(missing: str) -> None:
    assert measures(record(0, **MEASURED)) == (0.2, 4.0, 20.0)
    lacking: dict[str, Any] = {**MEASURED, missing: None}
    assert measures(record(0, **lacking)) is None
    assert pareto_front([record(0, **lacking), record(1, **MEASURED)]) == [record(1, **MEASURED)]


def test_of_two_equal_trials_both_are_on_the_front() -> None:
    twins = [record(0, **MEASURED), record(1, **MEASURED)]
    assert pareto_front(twins) == twins
