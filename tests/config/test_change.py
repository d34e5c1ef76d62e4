"""A study's settings changed by overrides of either kind, and settings by their dotted keys."""

from pathlib import Path

import pytest

from raytrain.config.dump import by_dotted_key, dump_tree, flat
from raytrain.config.reader import change, load_baseline, load_space
from raytrain.errors import InputError

SMALL = load_baseline("small")
SPACE = load_space("batching", baseline=SMALL)
FILE = Path("results/mine/study.json")


def test_each_override_changes_what_it_is_of_and_nothing_else() -> None:
    baseline, space = change(SMALL, SPACE, ["training.learning_rate=3e-5", "search.trials=7"], file=FILE)
    assert baseline == load_baseline("small", ["training.learning_rate=3e-5"])
    assert space == load_space("batching", ["search.trials=7"], baseline=baseline)
    assert change(SMALL, SPACE, [], file=FILE) == (SMALL, SPACE)


def test_a_changed_space_is_judged_against_the_changed_baseline() -> None:
    with pytest.raises(InputError, match=r"the baseline's effective batch size, 3000, lies outside"):
        change(SMALL, SPACE, ["training.batch_size=1000"], file=FILE)


def test_a_rule_that_an_override_breaks_is_named_with_the_study_s_file() -> None:
    with pytest.raises(
        InputError, match=r"^results/mine/study\.json with override training\.num_epochs=null: training"
    ):
        change(SMALL, SPACE, ["training.num_epochs=null"], file=FILE)


def test_every_setting_has_its_dotted_key() -> None:
    settings = by_dotted_key(SMALL)
    assert settings["training.batch_size"] == 12
    assert all(SMALL.value_at(key) == value for key, value in settings.items())


def test_nested_tables_become_one_with_the_names_on_the_way() -> None:
    nested = {"a": {"b": {"c": 1}, "d": [2]}, "e": None, "f": {}}
    assert flat(nested, separator="/") == {"a/b/c": 1, "a/d": [2], "e": None}


def test_a_dumped_tree_has_a_key_a_line_and_is_never_folded() -> None:
    text = "of many words " * 20
    assert dump_tree({"z": {"b": 1}, "a": text}) == f'z:\n  b: 1\na: "{text}"\n'
