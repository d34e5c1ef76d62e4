"""Trials that run at the same time: what is proposed while others have not yet ended."""

import math

import pytest
from optuna.trial import TrialState

from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.search.axes import Axes
from raytrain.search.encoding import Tried
from raytrain.search.sampler import propose

RATE = "training.learning_rate"


def proposed_at_once(count: int, *, seed: int) -> list[float]:
    """Logarithms of the learning rates proposed together, in order, after ten trials that ended: 2e-5 is best."""
    asked = SearchSpace.model_validate(
        {"vary": {RATE: {"low": 1e-6, "high": 1e-3, "log": True}}, "search": {"trials": 40, "seed": seed}}
    )
    axes = Axes(asked, load_baseline("small"))
    rates = [1e-6 * 10 ** (place / 3) for place in range(10)]
    tried = [
        Tried(sample={RATE: rate}, state=TrialState.COMPLETE, objectives=(abs(math.log10(rate / 2e-5)),))
        for rate in rates
    ]
    running: list[Tried] = []
    for number in range(10, 10 + count):
        sample = propose(axes, [*tried, *running], search=asked.search, number=number)
        assert sample is not None
        running.append(Tried(sample=sample, state=TrialState.RUNNING))
    return sorted(math.log10(float(one.sample[RATE])) for one in running)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(5))
def test_trials_that_run_at_the_same_time_keep_apart(seed: int) -> None:
    lowest, *_, highest = proposed_at_once(8, seed=seed)
    assert highest - lowest > 0.6  # without regard to what still runs, they lie within a tenth to a third of a decade
