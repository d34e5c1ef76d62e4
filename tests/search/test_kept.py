"""Whose weights stay: the best few, and whatever the finalists' further trainings may still call the winner."""

import pytest
from ended_trials import record

from raytrain.config.reader import load_baseline
from raytrain.config.space import Search
from raytrain.results.records import Outcome, TrialRecord
from raytrain.search.kept import keeps_weights, most_weights

TINY = load_baseline("tiny")


def trial(number: int, wer: float, **fields: object) -> TrialRecord:
    return record(number, TINY, eval_wer=wer, **({"checkpoint": f"ray/trial-{number:04}/step-1"} | fields))


ENDED = [trial(0, 0.5), trial(1, 0.1), trial(2, 0.2), trial(3, 0.3), trial(4, 0.4)]


def numbers(records: list[TrialRecord], *, limit: float | None = None, **search: int | None) -> list[int]:
    kept = keeps_weights(records, search=Search(**({"finalists": 0} | search)), memory_limit_gib=limit)
    return [one.number for one in kept]


def test_all_stay_where_no_number_is_set() -> None:
    assert numbers(ENDED) == [0, 1, 2, 3, 4]


def test_the_best_stay_and_the_baseline() -> None:
    assert numbers(ENDED, keep_weights=2) == [0, 1, 2]


def test_a_finalist_stays_since_it_may_be_called_the_winner() -> None:
    assert numbers(ENDED, keep_weights=1, finalists=3) == [0, 1, 2, 3]


def test_who_was_a_finalist_before_the_study_was_extended_stays() -> None:
    repeat = trial(5, 0.45, finalist_of="trial-0004", checkpoint=None)
    assert numbers([*ENDED, repeat], keep_weights=1, finalists=1) == [0, 1, 4]


def test_a_split_of_a_training_takes_no_place() -> None:
    split = trial(5, 0.1, inherited_from="trial-0001", checkpoint=None)
    assert numbers([*ENDED, split], keep_weights=2) == [0, 1, 2]


def test_what_misses_the_limit_or_was_stopped_is_not_among_the_best() -> None:
    large = trial(5, 0.05, peak_memory_reserved_gib=9.0)
    pruned = trial(6, 0.05, outcome=Outcome.PRUNED, checkpoint=None)
    assert numbers([*ENDED, large, pruned], keep_weights=2, limit=8.0) == [0, 1, 2]


@pytest.mark.parametrize(
    ("search", "most"),
    [
        ({"trials": 20}, 20),
        ({"trials": 20, "keep_weights": 5, "finalists": 3}, 6),
        ({"trials": 20, "keep_weights": 1, "finalists": 3}, 4),
        ({"trials": 3, "keep_weights": 5}, 3),
    ],
)
def test_the_disk_that_a_plan_names_is_never_exceeded(search: dict[str, int], most: int) -> None:
    asked = Search(**search)
    ended = [trial(number, 1 - number / 100) for number in range(asked.trials)]
    assert most_weights(asked) == most
    assert len(keeps_weights(ended, search=asked, memory_limit_gib=None)) <= most
