"""Numbers that follow from a baseline."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytrain.config.baseline import Training
from raytrain.config.derived import (
    derived,
    examples_in,
    scaled_learning_rate,
    study_warmup_steps,
    total_steps,
    warmup_steps,
)
from raytrain.config.reader import load_baseline


def training(**keys: object) -> Training:
    return Training.model_validate(
        {"batch_size": 4, "gradient_accumulation_steps": 2, "learning_rate": 1e-5, "num_epochs": 3} | keys
    )


def test_small_on_a_thousand_utterances() -> None:
    assert derived(load_baseline("small"), 1000) == {
        "effective_batch_size": 36,
        "train_utterances": 1000,
        "steps_per_epoch": 28,
        "steps": 280,
        "examples": 10_000,
        "warmup_steps": 28,
    }


def test_without_data_what_depends_on_it_is_null() -> None:
    numbers = derived(load_baseline("small"), None)
    assert numbers.pop("effective_batch_size") == 36
    assert set(numbers.values()) == {None}


def test_a_run_bounded_by_steps_alone_has_known_steps_without_data() -> None:
    bounded = load_baseline("small", ["training.num_epochs=null", "training.max_steps=2000"])
    numbers = derived(bounded, None)
    assert (numbers["steps"], numbers["warmup_steps"], numbers["examples"]) == (2000, 500, None)


def test_a_run_of_epochs_cut_at_a_step_has_no_known_steps_without_data() -> None:
    assert derived(load_baseline("small", ["training.max_steps=2000"]), None)["steps"] is None


def test_workers_multiply_the_effective_batch() -> None:
    assert derived(load_baseline("small", ["scaling.num_workers=2"]), None)["effective_batch_size"] == 72


@pytest.mark.parametrize(
    ("keys", "utterances", "steps"),
    [
        ({}, 16, 6),
        ({}, 17, 9),
        ({}, 1, 3),
        ({}, 0, 0),
        ({"max_steps": 5}, 17, 5),
        ({"max_steps": 50}, 17, 9),
        ({"max_steps": 50, "num_epochs": None}, 17, 50),
    ],
)
def test_steps_are_whole_epochs_cut_at_max_steps(keys: dict[str, object], utterances: int, steps: int) -> None:
    assert total_steps(training(**keys), train_utterances=utterances, effective_batch_size=8) == steps


@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(1, 50))
def test_whole_epochs_see_every_utterance_as_often(utterances: int, effective: int, epochs: int) -> None:
    steps = total_steps(training(num_epochs=epochs), train_utterances=utterances, effective_batch_size=effective)
    assert examples_in(steps, train_utterances=utterances, effective_batch_size=effective) == epochs * utterances


@pytest.mark.parametrize(("asked", "steps", "used"), [(0, 10, 0), (10, 10, 10), (11, 10, 1), (500, 9, 0), (500, 0, 0)])
def test_a_warm_up_longer_than_the_run_is_cut_to_a_tenth(asked: int, steps: int, used: int) -> None:
    assert warmup_steps(training(warmup_steps=asked), steps=steps) == used


@pytest.mark.parametrize(("sample", "steps"), [(36, 500), (72, 250), (18, 1000), (96, 188), (7, 2572), (10**6, 1)])
def test_in_a_study_warm_up_keeps_its_length_in_examples(sample: int, steps: int) -> None:
    assert study_warmup_steps(500, baseline_effective=36, sample_effective=sample) == steps
    assert study_warmup_steps(0, baseline_effective=36, sample_effective=sample) == 0


@pytest.mark.parametrize(("scaling", "rate"), [("none", 1e-5), ("sqrt", 2e-5), ("linear", 4e-5)])
def test_the_learning_rate_follows_the_effective_batch(scaling: str, rate: float) -> None:
    scaled = scaled_learning_rate(1e-5, scaling=scaling, baseline_effective=9, sample_effective=36)  # type: ignore[arg-type]
    assert scaled == pytest.approx(rate, rel=1e-12)
