"""How many children and seeds would tell a difference: against the textbook's numbers, and by trying."""

import math

import numpy as np
import pytest

from raytrain.results.power import needed
from raytrain.results.significance import Comparison, Contender, compare


def found(difference: float, *, child_variance: float, seed_variance: float = 0.0, seeds: int = 1) -> Comparison:
    return Comparison(
        difference=difference, low=-1.0, high=1.0, num_seeds=seeds, num_children=2,
        child_variance=child_variance, seed_variance=seed_variance,
    )  # fmt: skip


def test_half_a_standard_deviation_takes_the_32_pairs_of_the_textbooks() -> None:
    enough = needed(found(-0.05, child_variance=0.1**2))  # (1.960 + 0.842)² / 0.5² = 31.4
    assert enough is not None
    assert (enough.children, enough.seeds, enough.difference) == (32, 3, 0.05)


def test_half_the_difference_takes_four_times_the_children() -> None:
    once, half = (needed(found(by, child_variance=1.0)) for by in (0.1, 0.05))
    assert once is not None
    assert half is not None
    assert half.children == pytest.approx(4 * once.children, rel=0.01)


def test_more_configurations_at_once_take_more_children() -> None:
    one, ten = (needed(found(0.1, child_variance=0.1), at_once=number) for number in (1, 10))
    assert one is not None
    assert ten is not None
    assert ten.children > one.children


def test_the_luck_of_training_takes_more_seeds() -> None:
    enough = needed(found(0.02, child_variance=0.01, seed_variance=0.01**2, seeds=2))
    assert enough is not None
    assert enough.seeds == math.ceil(4 * 0.01**2 * (1.959964 + 0.841621) ** 2 / 0.02**2)
    left = (0.02 / (1.959964 + 0.841621)) ** 2 - 2 * 0.01**2 / enough.seeds
    assert enough.children == math.ceil(0.01 / left)


@pytest.mark.parametrize("nothing", [found(0.0, child_variance=1.0), found(0.1, child_variance=0.0)])
def test_nothing_is_promised_where_nothing_differs_or_no_spread_is_known(nothing: Comparison) -> None:
    assert needed(nothing) is None


def pair(children: int, seeds: int, *, difference: float, random: np.random.Generator) -> list[Contender]:
    """Two configurations on the same children, a hundred words each: the second errs more by the difference."""
    words = np.full(children, 100.0)
    made = []
    for shift in (0.0, difference):
        luck = random.normal(0, 0.01, size=(seeds, 1))
        own = random.normal(0.3 + shift, 0.05, size=children)
        made.append(Contender(name=str(shift), edits=100 * (own + luck), words=words))
    return made


def test_what_is_asked_for_tells_the_difference_about_four_times_in_five() -> None:
    random = np.random.default_rng(7)
    first = Comparison(
        difference=-0.04, low=-1.0, high=1.0, num_seeds=1, num_children=8,
        child_variance=2 * 0.05**2, seed_variance=0.01**2,
    )  # fmt: skip
    enough = needed(first)
    assert enough is not None
    told = 0
    for _ in range(150):
        best, baseline = pair(enough.children, enough.seeds, difference=0.04, random=random)
        told += compare([best], baseline, resamples=400)[0].high < 0
    assert 0.65 < told / 150 < 0.92


def test_a_study_that_could_not_tell_is_asked_for_more_than_it_had() -> None:
    """By the normal curve alone 14 children would do; few seeds make this interval 3.5 standard errors wide."""
    weak = Comparison(
        difference=-0.03, low=-0.065, high=0.005, num_seeds=3, num_children=16, child_variance=16 * 0.01**2
    )  # fmt: skip
    enough = needed(weak)
    assert enough is not None
    assert enough.children == math.ceil((3.5 + 0.841621) ** 2 * 16 * 0.01**2 / 0.03**2)
    assert enough.children > 16


def test_a_comparison_says_how_far_children_and_seeds_differ() -> None:
    best, baseline = pair(400, 30, difference=0.01, random=np.random.default_rng(3))
    (one,) = compare([best], baseline, resamples=200)
    assert one.child_variance == pytest.approx(2 * 0.05**2, rel=0.2)
    assert one.seed_variance == pytest.approx(0.01**2, rel=0.4)
