"""Further sets in the configuration, and a space's bounds on them."""

from pathlib import Path

import pytest

from raytrain.config.reader import load_baseline, load_space
from raytrain.config.space import Keep
from raytrain.errors import InputError

ADULT = load_baseline("tiny", ["evaluation.also={adult: adults.jsonl}"])


@pytest.mark.parametrize("written", ["keep={also.adult: {high: 0.09}}", "keep.also.adult={high: 0.09}"])
def test_a_space_may_hold_a_set_to_a_bound_however_it_is_written(written: str) -> None:
    space = load_space("smoke", ["keep={}", written], baseline=ADULT)
    assert space.keep.also["adult"].high == 0.09
    assert Keep.model_validate(space.keep.model_dump()) == space.keep


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("keep={also.grown: {high: 0.09}}", r"keep\.also\.grown: no such set is scored: evaluation\.also has adult"),
        ("keep={also.adult: {high: -1}}", r"keep\.also\.adult\.high: must be at least 0, got -1"),
        ("keep={also.adult: 0.09}", r"must be a section of keys, got 0\.09"),
        ("keep={also.adult: {low: 0.09}}", r"unknown key"),
    ],
)
def test_a_bound_that_means_nothing_is_refused(written: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        load_space("smoke", ["keep={}", written], baseline=ADULT)


def test_a_bound_on_a_set_that_nothing_scores_says_what_to_add() -> None:
    with pytest.raises(InputError, match=r"evaluation\.also names none; add evaluation\.also\.adult=MANIFEST"):
        load_space("smoke", ["keep={also.adult: {high: 0.09}}"], baseline=load_baseline("tiny"))


@pytest.mark.parametrize("name", ["a.b", "a/b", " ", "x" * 41])
def test_the_name_of_a_set_is_short_and_plain(name: str) -> None:
    with pytest.raises(InputError, match="a name has at most 40 letters"):
        load_baseline("tiny", [f"evaluation.also={{'{name}': adults.jsonl}}"])


def test_one_set_may_be_typed_alone() -> None:
    assert load_baseline("tiny", ["evaluation.also.adult=adults.jsonl"]) == ADULT


def test_a_fault_in_a_file_is_told_by_its_line(tmp_path: Path) -> None:
    space = tmp_path / "s.yaml"
    space.write_text("vary:\n  training.batch_size: {values: [4, 8]}\nkeep:\n  also.adult:\n    high: much\n")
    with pytest.raises(InputError, match=r"s\.yaml:5: keep\.also\.adult\.high: must be a number"):
        load_space(str(space), baseline=ADULT)
