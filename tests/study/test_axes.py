"""What a space can propose: the window of effective batches is kept by construction, and all of it can be reached."""

from typing import Any

import pytest

from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.study.axes import Axes, Continuous, Listed

BATCH, ACCUMULATION = "training.batch_size", "training.gradient_accumulation_steps"


@pytest.fixture(scope="module")
def small() -> Baseline:
    return load_baseline("small")


def axes(baseline: Baseline, vary: dict[str, Any], keep: dict[str, Any] | None = None) -> Axes:
    window = {"effective_batch_size": keep} if keep else {}
    return Axes(SearchSpace.model_validate({"vary": vary, "keep": window}), baseline)


def test_after_a_batch_only_accumulations_that_keep_the_window_are_left(small: Baseline) -> None:
    space = {BATCH: {"values": [1, 12, 48]}, ACCUMULATION: {"low": 1, "high": 36}}
    found = axes(small, space, {"low": 16, "high": 96})
    batch, accumulation = found.axes
    assert isinstance(batch, Listed)
    assert isinstance(accumulation, Listed)
    assert list(found.allowed(accumulation, {BATCH: 12})) == [2, 3, 4, 5, 6, 7, 8]
    assert list(found.allowed(accumulation, {BATCH: 48})) == [1, 2]


def test_a_batch_that_nothing_brings_into_the_window_is_never_drawn(small: Baseline) -> None:
    space = {BATCH: {"values": [4, 5, 7, 10]}, ACCUMULATION: {"values": [1, 2]}}
    found = axes(small, space, {"low": 10, "high": 10})
    batch = found.axes[0]
    assert isinstance(batch, Listed)
    assert list(found.allowed(batch, {})) == [5, 10]


def test_what_does_not_vary_counts_with_the_baselines_value(small: Baseline) -> None:
    found = axes(small, {BATCH: {"values": [4, 12, 40]}}, {"low": 30, "high": 40})
    batch = found.axes[0]
    assert isinstance(batch, Listed)
    assert list(found.allowed(batch, {})) == [12]  # three micro-batches, as small has them


def test_workers_are_a_factor_too(small: Baseline) -> None:
    vary = {"scaling.num_workers": {"values": [1, 2]}, BATCH: {"values": [12, 24]}}
    found = axes(small, vary, {"low": 72, "high": 72})
    batch = found.axes[1]
    assert isinstance(batch, Listed)
    assert list(found.allowed(batch, {"scaling.num_workers": 2})) == [12]


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
