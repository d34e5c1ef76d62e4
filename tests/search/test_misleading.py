"""Whether an earlier study misleads: by what fine-tuning has shown, and by what was seen here."""

from dataclasses import replace

import numpy as np
import pytest

from raytrain.config.branches import RATE
from raytrain.search.coordinates import Column
from raytrain.search.misleading import Ranking, ranking
from raytrain.search.posterior import Observed

VALLEY = [Column(RATE, True), Column("effective_batch_size", True)]


def seen(points: np.ndarray, values: np.ndarray) -> Observed:
    """What is known as exactly as any training's end."""
    nothing = np.zeros(len(values))
    return Observed(points, values, nothing, nothing.astype(np.intp))


def bowl(points: np.ndarray, *, bottom: float) -> np.ndarray:
    return 0.15 * (points[:, 0] - bottom) ** 2 + 0.05 * points[:, 1] ** 2


def study(*, low: float, high: float, bottom: float, count: int = 12) -> Observed:
    """Trainings whose rates lie between these factors of e from the baseline's, and their noise."""
    random = np.random.default_rng(0)
    points = np.column_stack([random.uniform(low, high, count), random.uniform(-1, 1, count)])
    return seen(points, bowl(points, bottom=bottom) + 0.01 * random.standard_normal(count))


def backwards(earlier: Observed) -> Observed:
    return replace(earlier, values=-earlier.values)


NOTHING = seen(np.zeros((0, 2)), np.zeros(0))
ONE = seen(np.zeros((1, 2)), np.array([-2.0]))


@pytest.mark.parametrize(("low", "high"), [(-2, 2), (-2, 0), (0, 2), (-3, -1), (1, 3)])
def test_whichever_side_of_its_bowl_a_study_tried_it_may_be_right(low: float, high: float) -> None:
    assert ranking(VALLEY, study(low=low, high=high, bottom=0.0), ONE) == Ranking.UNTOLD


@pytest.mark.parametrize("here", [NOTHING, ONE])
@pytest.mark.parametrize("bottom", [-1.0, 0.0, 1.0])
def test_a_bowl_upside_down_ranks_wrongly_before_there_are_trials_that_tell(here: Observed, bottom: float) -> None:
    earlier = study(low=-2, high=2, bottom=bottom)
    assert ranking(VALLEY, earlier, here) == Ranking.UNTOLD
    assert ranking(VALLEY, backwards(earlier), here) == Ranking.WRONG


def test_a_bowl_upside_down_is_not_believed_for_one_pair_that_it_ranks_rightly() -> None:
    pair = seen(np.array([[0.0, 0.0], [-2.0, 0.0]]), np.array([0.0, -0.3]))  # better far off, as it says
    assert ranking(VALLEY, backwards(study(low=-2, high=2, bottom=0.0)), pair) == Ranking.WRONG


def test_trials_that_clearly_differ_tell_whether_a_bowl_lies_where_this_studys_does() -> None:
    points = np.array([[0.0, 0.0], [1.5, 0.0]])
    here = seen(points, bowl(points, bottom=1.5))
    assert ranking(VALLEY, study(low=-2, high=2, bottom=1.2), here) == Ranking.RIGHT
    assert ranking(VALLEY, study(low=-2, high=2, bottom=-1.2), here) == Ranking.WRONG


def test_what_no_bowl_tells_of_may_be_right_either_way() -> None:
    other = [Column("training.weight_decay", False)]
    points = np.linspace(0, 1, 8)[:, None]
    earlier = seen(points, 0.2 * points[:, 0])
    here = seen(points[:1], np.zeros(1))
    assert {ranking(other, one, here) for one in (earlier, backwards(earlier))} == {Ranking.UNTOLD}
