"""What may be launched, learnt from what trials measured: never so much that a trial like them would not fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytrain.memory.fitting import UNMEASURED_FACTOR, Peak, largest_launchable_gib, upper_factor

scatters = st.floats(0.98, 1.02)


def peak(predicted_gib: float, factor: float | None) -> Peak:
    return Peak(predicted_gib=predicted_gib, measured_gib=None if factor is None else predicted_gib * factor)


def test_before_anything_is_measured_the_prediction_is_taken_with_its_largest_factor() -> None:
    assert largest_launchable_gib([], limit_gib=12) == 12 / UNMEASURED_FACTOR


@given(factor=st.floats(0.9, 1.2), seen=st.lists(scatters, min_size=1, max_size=30), next_scatter=scatters)
def test_what_may_be_launched_fits_wherever_the_factor_lies(
    factor: float, seen: list[float], next_scatter: float
) -> None:
    launchable = largest_launchable_gib([peak(6.0, factor * scatter) for scatter in seen], limit_gib=8)
    assert launchable * factor * next_scatter <= 8 * 1.001


def test_the_baseline_alone_shows_most_of_the_factor() -> None:
    assert upper_factor([peak(6, 0.9)]) == pytest.approx(0.936)
    assert largest_launchable_gib([peak(6, 0.9)], limit_gib=8) > 8.5
    assert largest_launchable_gib([peak(6, 1.1)], limit_gib=8) < 7.5


def test_a_baseline_that_came_out_low_is_put_right_by_later_trials() -> None:
    assert upper_factor([peak(6, 0.98)]) < upper_factor([peak(6, 0.98), peak(7, 1.0), peak(5, 1.0)])


def test_a_prediction_that_is_off_by_more_than_a_factor_gets_a_wider_margin() -> None:
    assert upper_factor([peak(6, 1.0), peak(12, 1.2)]) > 1.2


def test_nothing_as_large_as_what_ran_out_of_memory_is_launched_again() -> None:
    peaks = [peak(6, 1.0), peak(7.5, None)]
    assert 7.1 < largest_launchable_gib(peaks, limit_gib=8) < 7.5


def test_a_baseline_that_does_not_fit_leaves_smaller_samples_to_try() -> None:
    assert largest_launchable_gib([peak(5, None)], limit_gib=8) == pytest.approx(5 / 1.05)
