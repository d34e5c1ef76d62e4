"""What a budget buys, by trials whose times are known."""

import math

import pytest

from raytrain.search.budget import Allowance, Left, Pace, Took, Work, side_by_side

WHOLE = Work(examples=1000, batch_size=8)
ALLOWANCE = Allowance(budget_s=4000.0, finalists=2, again=2, whole=WHOLE)


def took(number: int, seconds: float, *, examples: int = 1000, batch_size: int = 8, like: str | None = None) -> Took:
    return Took(examples=examples, batch_size=batch_size, trial_id=str(number), seconds=seconds, trains_like=like)


def paced(*trials: Took) -> Pace:
    pace = Pace()
    for one in trials:
        pace.learn(one)
    return pace


def test_before_anything_has_run_nothing_is_known_and_anything_may_start() -> None:
    assert Pace().seconds(WHOLE) is None
    assert ALLOWANCE.buys_trial(WHOLE, pace=Pace(), left=Left(seconds=1.0), owed=[])


def test_a_trial_of_half_the_length_takes_half_as_long() -> None:
    assert paced(took(0, 100.0)).seconds(Work(examples=500, batch_size=8)) == pytest.approx(50.0)


def test_what_lies_beside_training_does_not_shrink_with_it() -> None:
    one = Took(examples=1000, batch_size=8, trial_id="0", seconds=130.0, training_s=100.0)
    assert paced(one).seconds(Work(examples=10, batch_size=8)) == pytest.approx(31.0)


def test_a_small_batch_is_forecast_by_small_batches() -> None:
    pace = paced(took(0, 100.0, batch_size=8), took(1, 300.0, batch_size=1), took(2, 110.0, batch_size=16))
    assert pace.seconds(Work(examples=1000, batch_size=1)) == pytest.approx(300.0, rel=0.1)
    assert pace.seconds(Work(examples=1000, batch_size=12)) == pytest.approx(105.0, rel=0.1)


def test_an_utterance_that_takes_twice_the_operations_takes_twice_the_time() -> None:
    assert paced(took(0, 100.0)).seconds(Work(examples=1000, batch_size=8, cost=2.0)) == pytest.approx(200.0)


def test_another_seed_takes_as_long_as_the_first() -> None:
    pace = paced(took(0, 100.0), took(1, 400.0))
    assert pace.seconds(Work(examples=1000, batch_size=8, trains_like="1")) == 400.0
    assert pace.seconds(WHOLE) == pytest.approx(200.0)  # between the two: nothing tells them apart


def test_the_room_for_error_grows_with_errors_and_shrinks_without() -> None:
    alike, unlike = [100.0] * 20, [100.0 * 2 ** (-1) ** number for number in range(20)]
    steady, wild = (paced(*(took(n, one) for n, one in enumerate(times))) for times in (alike, unlike))
    margins = [(pace.at_most(WHOLE) or 0) / (pace.seconds(WHOLE) or 1) for pace in (steady, Pace(), wild) if pace.took]
    assert margins[0] < math.exp(0.1) < math.exp(0.5) < margins[1]


def test_the_finalists_share_is_set_aside_first() -> None:
    pace = paced(took(0, 100.0))
    left = Left(seconds=500.0)
    # Of the baseline two trainings, and two of the next trial, should it win.
    assert ALLOWANCE.set_aside_s(pace, [], slots=1) == pytest.approx(400.0)
    assert not ALLOWANCE.buys_trial(WHOLE, pace=pace, left=left, owed=[])
    assert ALLOWANCE.buys_trial(WHOLE, pace=pace, left=Left(seconds=540.0), owed=[])


def test_what_was_trained_again_already_is_not_set_aside_once_more() -> None:
    pace = paced(took(0, 100.0))
    assert ALLOWANCE.set_aside_s(pace, [[], [], []], slots=1) == pytest.approx(200.0)


def test_the_finalists_have_at_most_their_share() -> None:
    small = Allowance(budget_s=600.0, finalists=3, again=2, whole=WHOLE)
    assert small.set_aside_s(paced(took(0, 100.0)), [], slots=1) == pytest.approx(0.4 * 600.0)


def test_a_budget_that_is_nearly_gone_has_fewer_finalists_but_one() -> None:
    asked, pace = Allowance(budget_s=4000.0, finalists=3, again=2, whole=WHOLE), paced(took(0, 100.0))
    numbers = [asked.num_finalists(pace=pace, left=Left(seconds=seconds)) for seconds in (801.0, 799.0, 599.0, 10.0)]
    assert numbers == [3, 2, 1, 1]
    assert (
        Allowance(budget_s=4000.0, finalists=0, again=2, whole=WHOLE).num_finalists(
            pace=pace, left=Left(seconds=4000.0)
        )
        == 0
    )


def test_finalists_begin_once_the_last_trial_of_the_search_has_ended() -> None:
    pace, allowance = paced(took(0, 100.0)), Allowance(budget_s=4000.0, finalists=0, again=0, whole=WHOLE)
    busy = Left(seconds=310.0, running_s=[300.0], slots=2)
    assert allowance.buys_trial(WHOLE, pace=pace, left=busy, owed=[])
    with_finalists = Allowance(budget_s=4000.0, finalists=1, again=1, whole=WHOLE)
    assert not with_finalists.buys_trial(WHOLE, pace=pace, left=busy, owed=[])


def test_it_says_how_many_trials_are_still_to_come() -> None:
    assert ALLOWANCE.trials(pace=Pace(), left=Left(seconds=4000.0)) is None
    assert ALLOWANCE.trials(pace=paced(took(0, 100.0)), left=Left(seconds=900.0)) == 5


def test_trainings_side_by_side_take_as_long_as_the_fullest_place() -> None:
    assert side_by_side([3.0, 1.0, 1.0, 1.0], slots=2) == 3.0
    assert side_by_side([3.0, 1.0], slots=1) == 4.0
    assert side_by_side([], slots=3) == 0.0
