"""What a space can propose: the window of effective batches is kept by construction, and all of it can be reached."""

from typing import Any

import pytest

from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.search.axes import Axes, Continuous, Listed

BATCH, ACCUMULATION = "training.batch_size", "training.gradient_accumulation_steps"


@pytest.fixture(scope="module")
def small() -> Baseline:
    return load_baseline("small")


def axes(baseline: Baseline, vary: dict[str, Any], keep: dict[str, Any] | None = None) -> Axes:
    window = {"effective_batch_size": keep} if keep else {}
    return Axes(SearchSpace.model_validate({"vary": vary, "keep": window}), baseline)


def test_a_size_is_split_in_every_way_the_space_has(small: Baseline) -> None:
    space = {BATCH: {"values": [1, 2, 12, 24]}, ACCUMULATION: {"low": 1, "high": 36}}
    splits = axes(small, space, {"low": 16, "high": 96}).splits_near(36)
    exact = [split for split in splits if split[BATCH] * split[ACCUMULATION] == 36]  # type: ignore[operator]
    assert exact == splits[:3] == [{BATCH: batch, ACCUMULATION: 36 // batch} for batch in (1, 2, 12)]
    assert splits[3:5] == [{BATCH: 1, ACCUMULATION: 35}, {BATCH: 2, ACCUMULATION: 17}]


def test_a_batch_that_nothing_brings_into_the_window_is_never_split_into(small: Baseline) -> None:
    space = {BATCH: {"values": [4, 5, 7, 10]}, ACCUMULATION: {"values": [1, 2]}}
    found = axes(small, space, {"low": 10, "high": 10})
    splits = [{BATCH: 5, ACCUMULATION: 2}, {BATCH: 10, ACCUMULATION: 1}]
    assert found.splits_near(10) == splits == found.splits_near(90) == list(found.splits())


def test_what_does_not_vary_counts_with_the_baselines_value(small: Baseline) -> None:
    found = axes(small, {BATCH: {"values": [4, 12, 40]}}, {"low": 30, "high": 40})
    assert list(found.splits()) == [{BATCH: 12}]  # three micro-batches, as small has them
    assert found.smallest_and_largest == (36, 36)


def test_workers_are_a_factor_too(small: Baseline) -> None:
    vary = {"scaling.num_workers": {"values": [1, 2]}, BATCH: {"values": [12, 24]}}
    found = axes(small, vary, {"low": 72, "high": 72})
    assert list(found.splits()) == [
        {"scaling.num_workers": 1, BATCH: 24},
        {"scaling.num_workers": 2, BATCH: 12},
    ]


def test_a_space_without_a_factor_has_the_baselines_effective_batch(small: Baseline) -> None:
    found = axes(small, {"model.dropout": {"values": [0.0, 0.1]}})
    assert found.smallest_and_largest == (36, 36)
    assert found.splits_near(36) == [{}]


def test_a_stepped_range_holds_both_its_ends(small: Baseline) -> None:
    found = axes(small, {"model.dropout": {"low": 0.0, "high": 0.25, "step": 0.1}})
    dropout = found.axes[0]
    assert isinstance(dropout, Listed)
    assert dropout.values == pytest.approx([0.0, 0.1, 0.2, 0.25])


def test_a_whole_range_is_drawn_in_whole_numbers(small: Baseline) -> None:
    warmup = axes(small, {"training.warmup_steps": {"low": 0, "high": 500}}).axes[0]
    assert warmup == Continuous("training.warmup_steps", 0, 500, log=False, whole=True)


def test_a_window_that_nothing_reaches_is_refused(small: Baseline) -> None:
    with pytest.raises(InputError, match=r"no sample has an effective batch between 50 and 50"):
        axes(small, {BATCH: {"values": [12, 16]}}, {"low": 50, "high": 50})


def test_factors_come_first_and_the_others_as_the_space_has_them(small: Baseline) -> None:
    vary = {"training.learning_rate": {"low": 1e-6, "high": 1e-4, "log": True}, "model.dropout": {"values": [0.1]}}
    found = axes(small, {**vary, BATCH: {"values": [24, 8]}, ACCUMULATION: {"low": 1, "high": 4, "log": True}})
    assert [axis.key for axis in found.factors] == [BATCH, ACCUMULATION]
    assert [axis.key for axis in found.others] == list(vary)
    assert [axis.key for axis in found.axes] == [BATCH, ACCUMULATION, *vary]
    assert found.axes[:2] == [
        Listed(BATCH, [8, 24], ordered=True),
        Listed(ACCUMULATION, [1, 2, 3, 4], ordered=True, log=True),
    ]
    assert found.axes[2] == Continuous("training.learning_rate", 1e-6, 1e-4, log=True, whole=False)
    assert found.baseline_sample == {BATCH: 12, ACCUMULATION: 3, "training.learning_rate": 1e-5, "model.dropout": 0.1}
    assert (found.micro_batches, found.smallest_and_largest) == ((8, 24), (8, 96))


def test_without_a_varied_micro_batch_there_are_no_ends_of_it(small: Baseline) -> None:
    assert axes(small, {ACCUMULATION: {"low": 1, "high": 4}}).micro_batches is None


def test_numbers_are_put_in_order_and_words_and_switches_stay_as_they_were_given(small: Baseline) -> None:
    vary = {
        "model.dropout": {"values": [0.2, 0.0, 0.2]},
        "model.freeze_encoder": {"values": [True, False]},
        "training.spec_augment": {"values": ["basic", None]},
    }
    numbers, switch, words = axes(small, vary).axes
    assert numbers == Listed("model.dropout", [0.0, 0.2], ordered=True)
    assert switch == Listed("model.freeze_encoder", [True, False], ordered=False)
    assert words == Listed("training.spec_augment", ["basic", None], ordered=False)


def test_both_ends_of_the_window_lie_within_it(small: Baseline) -> None:
    found = axes(small, {BATCH: {"values": [4, 12, 40]}}, {"low": 12, "high": 120})
    assert [found.contains({BATCH: batch, "model.dropout": 0.1}) for batch in (3, 4, 40, 41)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert axes(small, {BATCH: {"values": [4]}}).contains({BATCH: 4000})


def test_nearest_is_by_ratio_and_not_by_difference(small: Baseline) -> None:
    found = axes(small, {BATCH: {"values": [10, 30]}, ACCUMULATION: {"values": [1]}})
    assert found.splits_near(18) == [{BATCH: 30, ACCUMULATION: 1}, {BATCH: 10, ACCUMULATION: 1}]


def test_a_space_without_a_factor_has_one_empty_split_and_keeps_its_window(small: Baseline) -> None:
    vary = {"model.dropout": {"values": [0.0, 0.1]}}
    assert list(axes(small, vary, {"low": 36, "high": 36}).splits()) == [{}]
    with pytest.raises(InputError, match=r"between 37 and 50; widen it, or vary training\.batch_size"):
        axes(small, vary, {"low": 37, "high": 50})


def test_a_step_that_falls_on_the_end_but_for_a_digit_adds_no_other_end(small: Baseline) -> None:
    dropout = axes(small, {"model.dropout": {"low": 0.0, "high": 0.3, "step": 0.1}}).axes[0]
    assert isinstance(dropout, Listed)
    assert dropout.values == pytest.approx([0.0, 0.1, 0.2, 0.3])
    below = axes(small, {"model.dropout": {"low": 0.0, "high": 1.0, "step": 1 / 49}}).axes[0]
    assert isinstance(below, Listed)
    assert len(below.values) == 50  # 49 forty-ninths come to a little less than 1


def test_a_window_of_more_digits_than_a_float_holds_is_kept(small: Baseline) -> None:
    found = axes(small, {BATCH: {"values": [1, 2]}}, {"low": 2, "high": 10**400})
    assert list(found.splits()) == [{BATCH: 1}, {BATCH: 2}]
