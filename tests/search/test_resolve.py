"""A sample's configuration: what is counted in steps keeps its length in examples, whatever the batch."""

from typing import Any

from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.search.resolve import resolve, rungs

SMALL = load_baseline("small", ["training.max_steps=1000"])
BATCH, ACCUMULATION = "training.batch_size", "training.gradient_accumulation_steps"


def space(**parts: Any) -> SearchSpace:
    return SearchSpace.model_validate({"vary": {BATCH: {"values": [8, 12]}}, **parts})


def test_another_split_of_the_same_batch_changes_nothing_else() -> None:
    config = resolve(SMALL, space(), {BATCH: 6, ACCUMULATION: 6})
    changed = SMALL.training.model_copy(update={"batch_size": 6, "gradient_accumulation_steps": 6})
    assert config == SMALL.model_copy(update={"training": changed})


def test_warm_up_and_run_keep_their_length_in_examples() -> None:
    config = resolve(SMALL, space(), {BATCH: 24})
    assert config.effective_batch_size() == 72
    assert (config.training.warmup_steps, config.training.max_steps) == (250, 500)


def test_a_run_s_length_is_whole_steps_and_never_shorter_in_examples() -> None:
    max_steps = resolve(SMALL, space(), {BATCH: 21}).training.max_steps  # 36 000 examples in steps of 63
    assert (max_steps, type(max_steps)) == (572, int)


def test_a_run_counted_in_epochs_is_left_at_that() -> None:
    epochs = load_baseline("small", ["training.max_steps=null", "training.num_epochs=3"])
    training = resolve(epochs, space(), {BATCH: 24}).training
    assert (training.num_epochs, training.max_steps) == (3, None)


def test_a_length_that_varies_is_the_samples_own() -> None:
    asked = space(vary={BATCH: {"values": [24]}, "training.max_steps": {"values": [400, 800]}})
    assert resolve(SMALL, asked, {BATCH: 24, "training.max_steps": 800}).training.max_steps == 800


def test_a_warm_up_that_varies_is_the_samples_own() -> None:
    asked = space(vary={BATCH: {"values": [24]}, "training.warmup_steps": {"values": [10, 20]}})
    assert resolve(SMALL, asked, {BATCH: 24, "training.warmup_steps": 20}).training.warmup_steps == 20


def test_the_learning_rate_follows_the_batch_where_it_is_tied() -> None:
    tied = space(search={"learning_rate_scaling": "linear"})
    assert resolve(SMALL, tied, {BATCH: 24}).training.learning_rate == 2 * SMALL.training.learning_rate
    assert resolve(SMALL, space(), {BATCH: 24}).training.learning_rate == SMALL.training.learning_rate


def test_rungs_lie_below_the_budget_a_reduction_apart() -> None:
    scheduler = {"first_rung_examples": 100, "reduction": 3}
    assert rungs(space(scheduler=scheduler), budget_examples=901) == (100, 300, 900)
    assert rungs(space(scheduler=scheduler), budget_examples=900) == (100, 300)
    assert rungs(space(scheduler=scheduler), budget_examples=100) == ()
