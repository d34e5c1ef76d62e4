"""Which file a name or a path means."""

from pathlib import Path

import pytest

from raytrain.config.find import CHECKOUT, find
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError


@pytest.fixture
def checkout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two baselines and one space, beside the working folder."""
    files = ("baselines/base.yaml", "baselines/small.yaml", "search_spaces/full.yaml")
    for path in (folder / "checkout" / file for file in files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr("raytrain.config.find.CHECKOUT", folder / "checkout")
    return folder / "checkout"


def test_a_name_is_found_in_the_checkout_from_anywhere(folder: Path) -> None:
    assert find("baselines", "small") == CHECKOUT / "baselines/small.yaml"
    assert find("search_spaces", "full") == CHECKOUT / "search_spaces/full.yaml"
    assert load_baseline("small").effective_batch_size() == 36


def test_the_working_folder_comes_first(folder: Path) -> None:
    Path("baselines").mkdir()
    Path("b.yaml").rename("baselines/small.yaml")
    assert find("baselines", "small") == Path("baselines/small.yaml")
    assert find("baselines", "medium") == CHECKOUT / "baselines/medium.yaml"


def test_a_path_is_taken_as_it_is(folder: Path) -> None:
    assert find("baselines", "b.yaml") == Path("b.yaml")
    assert find("baselines", str(folder / "b.yaml")) == folder / "b.yaml"
    assert find("baselines", "./b.yaml") == Path("b.yaml")


def test_a_name_with_its_ending_is_a_name_too(folder: Path) -> None:
    assert find("baselines", "small.yaml") == CHECKOUT / "baselines/small.yaml"


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("smal", "smal: no such name in "),
        ("runs/smal.yaml", "runs/smal.yaml: no such file; did you mean 'small'? baselines there are: base, small"),
        ("", "'': no such file; baselines there are: base, "),
        (".", ".: a folder, not a YAML file; "),
        ("/", "/: a folder, not a YAML file; "),
        ("x" * 5000, "xxx…: no such name in "),
        ("a\0b", "'a\\x00b': no such name in "),
        ("a\nb.yaml", "'a\\nb.yaml': no such file; "),
        ("../baselines", "../baselines: no such file; "),
    ],
)
def test_a_missing_one_lists_what_there_is(checkout: Path, typed: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        find("baselines", typed)
    assert line in str(caught.value)
    assert str(caught.value).endswith("baselines there are: base, small")
    assert "\n" not in str(caught.value)


def test_names_of_the_working_folder_are_listed_too(checkout: Path) -> None:
    Path("search_spaces").mkdir()
    Path("s.yaml").rename("search_spaces/mine.yaml")
    with pytest.raises(InputError, match=r"did you mean 'mine'\? search_spaces there are: full, mine$"):
        find("search_spaces", "mien")
