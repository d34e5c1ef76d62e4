"""A best value at the end of its range: told only where the trials bear it out, with a command that widens it."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from making import config, record
from studies import SPACE

from raytrain.config.reader import change
from raytrain.config.space import SearchSpace
from raytrain.report.edges import edges
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.study_results import StudyResults, load_study

LINE = ["python", "-m", "raytrain.tune", "--space", "full", "search.seed=1"]
RATE, SIZE, DROPOUT = "training.learning_rate", "training.batch_size", "model.dropout"


def studied(
    folder: Path, key: str, pairs: list[tuple[float, float]], *, vary: dict[str, Any] | None = None
) -> StudyResults:
    """A study whose trials had these values of a key, with these error rates."""
    space = SPACE if vary is None else SearchSpace.model_validate({**SPACE.model_dump(), "vary": vary})
    Description(
        baseline_name="small", baseline=config(), space_name="full", space=space, provenance={"command_line": LINE}
    ).write(folder)
    Ledger(folder).append(record(0, eval_wer=0.5))
    section, _, name = key.partition(".")
    for number, (value, wer) in enumerate(pairs, 1):
        made = config()
        part = getattr(made, section).model_copy(update={name: value})
        Ledger(folder).append(
            record(number, eval_wer=wer, sample={key: value}, config=made.model_copy(update={section: part}))
        )
    return load_study(folder)


RISING = [(2e-6, 0.4), (5e-6, 0.35), (7e-6, 0.3), (4e-5, 0.2), (7e-5, 0.15), (9.9e-5, 0.1)]


def test_a_rate_that_falls_to_the_end_of_the_range_is_to_be_widened_by_a_command_that_does(tmp_path: Path) -> None:
    study = studied(tmp_path, RATE, RISING)
    ((sentence, command),) = edges(study)
    assert sentence == (
        "The best learning rate, 9.9e-5, is at the upper end of its range, 2e-6 to 1e-4, and the WER falls towards it: "
        "widen it."
    )
    assert command is not None
    typed = shlex.split(command)
    assert typed[:5] == LINE[:5]
    assert typed[5:7] == ["--learn-from", f"results/{tmp_path.name}"]
    _, space = change(config(), SPACE, typed[7:], file=Path("study.json"))
    assert space.vary[RATE].high == 2e-4  # type: ignore[union-attr]
    assert space.search.seed == 1


def test_the_best_of_a_few_draws_at_an_end_by_chance_is_not_told(tmp_path: Path) -> None:
    assert edges(studied(tmp_path, RATE, [(9.9e-5, 0.1), (1e-5, 0.3)])) == []


def test_an_end_near_which_the_others_are_no_better_is_not_told(tmp_path: Path) -> None:
    flat = [(2e-6, 0.2), (5e-6, 0.25), (1e-5, 0.2), (4e-5, 0.3), (7e-5, 0.25), (9.9e-5, 0.1)]
    assert edges(studied(tmp_path, RATE, flat)) == []


def test_a_best_value_inside_its_range_is_not_told_however_the_others_lie(tmp_path: Path) -> None:
    assert edges(studied(tmp_path, RATE, [*RISING[:-1], (8e-5, 0.1)])) == []


def test_the_lower_end_is_told_likewise(tmp_path: Path) -> None:
    falling = [(value, 0.5 - wer) for value, wer in RISING]
    ((sentence, command),) = edges(studied(tmp_path, RATE, falling))
    assert "is at the lower end" in sentence
    assert command is not None
    assert command.endswith("vary.training.learning_rate.low=1e-06")


def test_a_list_goes_on_as_it_went(tmp_path: Path) -> None:
    growing = [(1, 0.4), (2, 0.4), (4, 0.35), (16, 0.2), (24, 0.15), (32, 0.1)]
    ((_, command),) = edges(studied(tmp_path, SIZE, growing))
    assert command is not None
    assert shlex.split(command)[-1] == "vary.training.batch_size.values=[1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 43]"


@pytest.mark.parametrize(
    ("key", "values"),
    [(DROPOUT, [0.2, 0.2, 0.1, 0.0, 0.0, 0.0]), (SIZE, [32, 24, 16, 2, 1, 1])],
)
def test_an_end_that_nothing_lies_beyond_is_not_told(tmp_path: Path, key: str, values: list[float]) -> None:
    wers = [0.4, 0.4, 0.35, 0.2, 0.15, 0.1]
    assert edges(studied(tmp_path, key, list(zip(values, wers, strict=True)))) == []


def test_a_value_that_no_baseline_may_have_is_not_offered(tmp_path: Path) -> None:
    """A probability of 1 is at the end of its range, and a greater one is none."""
    vary = {"augmentation.gain_probability": {"low": 0.0, "high": 1.0}}
    pairs = [(0.0, 0.4), (0.2, 0.4), (0.3, 0.35), (0.7, 0.2), (0.9, 0.15), (1.0, 0.1)]
    assert edges(studied(tmp_path, "augmentation.gain_probability", pairs, vary=vary)) == []
