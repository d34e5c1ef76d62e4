"""How a study stands in its sampler: what is drawn becomes a sample, and a sample what would have been drawn."""

from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.search.axes import Axes, Sample
from raytrain.search.encoding import Tried, decoded, distributions, encoded

BATCH, ACCUMULATION, RATE = "training.batch_size", "training.gradient_accumulation_steps", "training.learning_rate"
WARMUP, DROPOUT, SCHEDULE, DECAY = (
    "training.warmup_steps", "model.dropout", "training.schedule", "training.weight_decay",
)  # fmt: skip
SMALL = load_baseline("small")


def axes(vary: dict[str, Any]) -> Axes:
    return Axes(SearchSpace.model_validate({"vary": vary}), SMALL)


ALL = axes(
    {
        BATCH: {"values": [2, 4, 8]},
        ACCUMULATION: {"low": 1, "high": 10},
        RATE: {"low": 1e-6, "high": 1e-4, "log": True},
        WARMUP: {"low": 10, "high": 500},
        DROPOUT: {"values": [0.3, 0.0, 0.1]},
        SCHEDULE: {"values": ["linear", "cosine"]},
        DECAY: {"low": 0.25, "high": 0.75, "step": 0.25},
    }
)
SAMPLE: Sample = {
    BATCH: 4, ACCUMULATION: 5, RATE: 1e-5, WARMUP: 100, DROPOUT: 0.1, SCHEDULE: "cosine", DECAY: 0.5,
}  # fmt: skip


def told(one: Sample, *, of: Axes = ALL, is_pareto: bool = False, **known: Any) -> FrozenTrial:
    """As Optuna keeps it."""
    state = known.pop("state", TrialState.RUNNING)
    return encoded(of, Tried(sample=one, state=state, **known), is_pareto=is_pareto, system_attrs={"mine": 1})


def test_a_sample_stands_as_what_would_have_been_drawn() -> None:
    assert told(SAMPLE).params == {
        "effective_batch_size": 20.0,
        RATE: 1e-5,
        WARMUP: 100,
        DROPOUT: 1,  # its place among the numbers in order
        SCHEDULE: "cosine",
        DECAY: 1,
    }
    assert told(SAMPLE).distributions == {
        "effective_batch_size": FloatDistribution(2, 80, log=True),
        RATE: FloatDistribution(1e-6, 1e-4, log=True),
        WARMUP: IntDistribution(10, 500),
        DROPOUT: IntDistribution(0, 2),
        SCHEDULE: CategoricalDistribution(["linear", "cosine"]),
        DECAY: IntDistribution(0, 2),
    }
    assert told(SAMPLE).system_attrs == {"mine": 1}


def test_on_a_front_the_micro_batch_stands_beside_the_effective_batch() -> None:
    front = told(SAMPLE, is_pareto=True)
    assert (front.params["effective_batch_size"], front.params["micro_batch_size"]) == (20.0, 4.0)
    assert front.distributions["micro_batch_size"] == FloatDistribution(2, 8, log=True)
    without = axes({ACCUMULATION: {"low": 1, "high": 10}})
    assert set(told({ACCUMULATION: 5}, of=without, is_pareto=True).params) == {"effective_batch_size"}


def test_what_lies_outside_stands_at_the_nearest_end_and_a_foreign_word_nowhere() -> None:
    outside = {**SAMPLE, BATCH: 64, ACCUMULATION: 9, RATE: 1e-3, WARMUP: 0, DROPOUT: 0.9, SCHEDULE: "constant"}
    params = told(outside, is_pareto=True).params
    assert params == {
        "effective_batch_size": 80.0, "micro_batch_size": 8.0, RATE: 1e-4, WARMUP: 10, DROPOUT: 2, DECAY: 1,
    }  # fmt: skip
    assert SCHEDULE not in told(outside).distributions


def test_what_is_known_of_a_trial_stands_with_it() -> None:
    scored = {"intermediate": {100: 0.6, 200: 0.4}, "violation": -1.5}
    one = told(SAMPLE, state=TrialState.COMPLETE, objectives=(0.3,), **scored)
    assert (one.state, one.values, one.intermediate_values) == (TrialState.COMPLETE, [0.3], {100: 0.6, 200: 0.4})
    assert one.constraints == {"violation": -1.5}
    assert told(SAMPLE, state=TrialState.PRUNED, **scored).values is None


def test_where_there_is_no_limit_no_constraint_is_kept() -> None:
    assert not told(SAMPLE).constraints


def test_a_front_s_trial_has_three_values_and_no_report_on_its_way() -> None:
    one = told(SAMPLE, is_pareto=True, state=TrialState.COMPLETE, objectives=(0.3, 4.0, 20.0), intermediate={100: 0.6})
    assert (one.values, one.intermediate_values) == ([0.3, 4.0, 20.0], {})


DRAWN = {
    "effective_batch_size": 21.5, RATE: 3e-5, WARMUP: 77, DROPOUT: 2, SCHEDULE: "linear", DECAY: 1,
}  # fmt: skip


def test_what_is_drawn_is_in_the_baseline_s_own_terms() -> None:
    wanted = decoded(ALL, DRAWN)
    assert (wanted.size, wanted.micro_batch) == (21.5, None)
    assert wanted.others == {RATE: 3e-5, WARMUP: 77, DROPOUT: 0.3, SCHEDULE: "linear", DECAY: 0.5}


def test_on_a_front_a_micro_batch_is_drawn_too() -> None:
    assert decoded(ALL, DRAWN | {"micro_batch_size": 3.5}).micro_batch == 3.5
    without = axes({ACCUMULATION: {"low": 1, "high": 10}})
    assert set(distributions(without, "full", is_pareto=True)) == {"effective_batch_size"}


def test_without_a_factor_the_size_is_the_baselines_and_nobody_draws_it() -> None:
    wanted = decoded(axes({RATE: {"low": 1e-6, "high": 1e-4}}), {RATE: 3e-5})
    assert (wanted.size, wanted.others) == (36, {RATE: 3e-5})


@pytest.mark.parametrize("is_pareto", [False, True])
def test_what_is_drawn_and_what_is_kept_have_the_same_bounds(is_pareto: bool) -> None:
    """Optuna takes a parameter of other bounds for another parameter, and would learn nothing."""
    assert distributions(ALL, "full", is_pareto=is_pareto) == told(SAMPLE, is_pareto=is_pareto).distributions


def test_only_a_word_that_the_space_does_not_list_has_no_place() -> None:
    every = set(distributions(ALL, "full", is_pareto=False))
    assert set(told({**SAMPLE, DROPOUT: 0.9, RATE: 1.0}).params) == every
    assert set(told({**SAMPLE, SCHEDULE: "constant"}).params) == every - {SCHEDULE}
