"""Which trials are trained again: the best few and the baseline, each seed once, by no sampler's leave."""

from typing import Any

import pytest
from ended_trials import record

from raytrain.config.reader import load_baseline
from raytrain.config.space import Search
from raytrain.results.records import Outcome, TrialRecord
from raytrain.search.finalists import finalists, further_seeds, missing_repeats

TINY = load_baseline("tiny")
BASELINE = record(0, TINY, eval_wer=0.30)
SEARCHED = [BASELINE, *(record(number, TINY, eval_wer=0.30 - number / 100) for number in (1, 2, 3))]


def numbers(records: list[TrialRecord], *, count: int = 2, limit: float | None = None) -> list[int]:
    return [one.number for one in finalists(records, count=count, memory_limit_gib=limit)]


def repeats(records: list[TrialRecord], **search: Any) -> list[tuple[int, int]]:
    found = missing_repeats(records, search=Search(**({"finalists": 2} | search)), memory_limit_gib=None)
    return [(one.finalist.number, one.seed) for one in found]


def test_random_weights_are_trained_once() -> None:
    from_random = load_baseline("tiny", ["model.pretrained=null"])
    search = Search(finalists=3, seeds=3)
    assert (further_seeds(search, TINY), further_seeds(search, from_random)) == (2, 0)
    assert further_seeds(Search(finalists=0, seeds=3), TINY) == 0


def test_finalists_are_the_baseline_and_the_best() -> None:
    assert numbers(SEARCHED) == [0, 3, 2]


def test_a_baseline_among_the_best_is_a_finalist_once() -> None:
    assert numbers([BASELINE, record(1, TINY, eval_wer=0.2), record(2, TINY, eval_wer=0.4)]) == [0, 1]


def test_what_was_stopped_or_misses_the_limit_is_none() -> None:
    pruned = record(1, TINY, eval_wer=0.1, outcome=Outcome.PRUNED)
    large = record(2, TINY, eval_wer=0.1, peak_memory_reserved_gib=9.0)
    assert numbers([BASELINE, pruned, large, record(3, TINY, eval_wer=0.2)], limit=8.0) == [0, 3]


@pytest.mark.parametrize("outcome", [Outcome.DIVERGED, Outcome.OUT_OF_MEMORY, Outcome.FAILED])
def test_without_a_baseline_there_is_nothing_to_compare(outcome: Outcome) -> None:
    assert numbers([record(0, TINY, outcome=outcome), *SEARCHED[1:]]) == []
    assert numbers([record(0, TINY, outcome=outcome, eval_wer=0.3), *SEARCHED[1:]]) == []
    assert numbers([]) == []


def test_a_baseline_alone_has_nothing_to_be_compared_with() -> None:
    assert numbers([BASELINE]) == []


def test_of_trials_that_share_a_training_the_best_that_fits_stands_for_all() -> None:
    large = record(1, TINY, eval_wer=0.2, peak_memory_reserved_gib=9.0)
    small = record(2, TINY, eval_wer=0.2, peak_memory_reserved_gib=5.0, inherited_from=large.trial_id)
    again = record(3, TINY, eval_wer=0.2, peak_memory_reserved_gib=6.0, inherited_from=large.trial_id)
    as_the_baseline = record(4, TINY, eval_wer=0.3, inherited_from=BASELINE.trial_id)
    assert numbers([BASELINE, large, small, again, as_the_baseline], limit=8.0) == [0, 2]


def test_each_is_trained_with_every_further_seed_and_not_with_its_own() -> None:
    assert repeats(SEARCHED, seeds=3) == [(0, 43), (3, 43), (2, 43), (0, 44), (3, 44), (2, 44)]


def test_what_misses_the_limit_is_not_trained_again() -> None:
    large = record(4, TINY, eval_wer=0.1, peak_memory_reserved_gib=9.0)
    found = missing_repeats([*SEARCHED, large], search=Search(finalists=1, seeds=2), memory_limit_gib=8.0)
    assert [one.finalist.number for one in found] == [0, 3]


@pytest.mark.parametrize("search", [{"seeds": 1}, {"finalists": 0}])
def test_one_seed_or_no_finalist_is_a_study_as_before(search: dict[str, int]) -> None:
    assert repeats(SEARCHED, **search) == []


def test_what_ended_is_not_repeated_however_it_ended() -> None:
    ended = [
        record(4, TINY, eval_wer=0.28, seed=43, finalist_of="trial-0000"),
        record(5, TINY, outcome=Outcome.FAILED, seed=43, finalist_of="trial-0003"),
    ]
    assert repeats([*SEARCHED, *ended], seeds=2) == [(2, 43)]


def test_a_repeat_is_no_finalist_and_an_extended_study_adds_only_the_new_best() -> None:
    ended = [
        record(4, TINY, eval_wer=0.01, seed=43, finalist_of="trial-0000"),
        record(5, TINY, eval_wer=0.01, seed=43, finalist_of="trial-0003"),
        record(6, TINY, eval_wer=0.01, seed=43, finalist_of="trial-0002"),
    ]
    assert repeats([*SEARCHED, *ended, record(7, TINY, eval_wer=0.25)], seeds=2) == [(7, 43)]
