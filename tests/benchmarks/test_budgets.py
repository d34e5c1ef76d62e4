"""A budget, rehearsed: what it has to hold on twenty studies of each kind."""

import pytest

from raytrain.benchmarks.budgets import KINDS, held, rehearse, summary


@pytest.mark.parametrize("kind", KINDS)
def test_no_study_ends_late_and_most_use_what_they_have(kind: str) -> None:
    figures = summary([rehearse(kind, seed=seed, trials=0) for seed in range(20)])
    assert held(figures)
    assert figures["again_median"] >= 4
    assert figures["unfinished_median"] <= 0.01


def test_a_rehearsal_is_the_same_each_time() -> None:
    assert rehearse("trainings", seed=3, trials=0) == rehearse("trainings", seed=3, trials=0)
