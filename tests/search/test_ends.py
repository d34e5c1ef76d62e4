"""What a training that was stopped at a rung would have come to."""

import math

import numpy as np
import pytest

from raytrain.search.ends import still_to_come

POINTS = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
"""Rates, as logarithms, and one size."""


def changed(slope: float, *, noise: float = 0.0) -> list[float]:
    """By how much each of four trainings changes from its rung on: at high rates more, by a slope."""
    draws = np.random.default_rng(0).normal(0, noise, len(POINTS))
    return [float(-0.5 + slope * point[0] + draw) for point, draw in zip(POINTS, draws, strict=True)]


def test_where_all_changed_alike_the_stopped_one_does() -> None:
    changes, doubts = still_to_come(POINTS, [{100: -1.0}] * 4, [-1.5, -1.5, -1.5, None])
    assert changes == pytest.approx([-0.5], abs=0.01)
    assert 0.1 < doubts[0] < 0.4


def test_what_falls_later_at_high_rates_is_foretold_to_fall_further() -> None:
    ends = [-1.0 + change for change in changed(-0.3)]
    (change,), _ = still_to_come(POINTS, [{100: -1.0}] * 4, [*ends[:3], None])
    assert changed(-0.3)[3] - 0.01 < change < -0.8  # most of the way: the middle one is not all that is known


def test_it_is_surer_beside_those_that_went_on_and_with_more_of_them() -> None:
    points = np.array([[0.0], [0.0], [0.0], [2.0]])
    _, (beside, afar) = still_to_come(points, [{100: -1.0}] * 4, [-1.5, -1.5, None, None])
    _, (with_fewer,) = still_to_come(points[1:3], [{100: -1.0}] * 2, [-1.5, None])
    assert beside < with_fewer < afar


def test_only_those_from_its_own_last_rung_tell() -> None:
    rungs = [{100: -1.0}, {100: -1.0, 300: -1.2}, {100: -0.9, 300: -1.1}]
    (change,), _ = still_to_come(np.zeros((3, 1)), rungs, [-9.0, -1.5, None])
    assert change == pytest.approx(-0.3, abs=0.01)


def test_from_a_rung_from_which_none_went_on_nothing_is_foretold_and_little_is_sure() -> None:
    (change,), (doubt,) = still_to_come(np.zeros((2, 1)), [{100: -1.0}, {100: -1.0, 300: -1.1}], [-1.5, None])
    assert (change, doubt) == (0.0, 0.3)


def test_a_key_that_a_sample_lacks_is_no_hindrance() -> None:
    points = np.array([[0.0, math.nan], [1.0, 0.5], [0.5, math.nan]])
    changes, doubts = still_to_come(points, [{100: -1.0}] * 3, [-1.4, -1.4, None])
    assert np.isfinite([*changes, *doubts]).all()
