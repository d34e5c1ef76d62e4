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
