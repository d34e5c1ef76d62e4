"""Further sets that are scored: prepared as the validation corpus is, apart from training, and the same on resume."""

from pathlib import Path

import pytest
from small_corpora import begun_fit, settings, spoken, write

from raytrain.config.absolute import absolute
from raytrain.config.dump import by_dotted_key
from raytrain.errors import InputError
from raytrain.results.description import read_description
from raytrain.trial.inputs import Inputs, inputs_of
from raytrain.trial.inputs_again import inputs_again


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "home" / "manifest.jsonl", spoken(tmp_path / "home", "abcde"))


def adults(folder: Path, children: str = "xyz") -> Path:
    return write(folder / "adults.jsonl", spoken(folder, children))


def test_a_further_set_is_at_hand_in_a_worker_and_described(home: Path, tmp_path: Path) -> None:
    inputs = inputs_of(settings(home, f"evaluation.also={{adult: {adults(tmp_path)}}}"))
    described = inputs.described()["also"]["adult"]
    assert (described["utterances"], described["children"]) == (9, 3)
    assert len(Inputs.opened(inputs.whereabouts).also["adult"]) == 9
    assert "also" not in inputs_of(settings(home)).described()


def test_one_that_shares_children_with_training_is_refused(home: Path, tmp_path: Path) -> None:
    shared = adults(tmp_path, "xa")
    held_out = inputs_of(settings(home)).split.validation_children
    assert "child_a" not in held_out
    with pytest.raises(InputError, match=r"^evaluation\.also\.adult: .*adults\.jsonl: shares 1 child \(child_a\)"):
        inputs_of(settings(home, f"evaluation.also={{adult: {shared}}}"))
    allowed = settings(home, f"evaluation.also={{adult: {shared}}}", "data.allow_shared_children=true")
    assert inputs_of(allowed).also.keys() == {"adult"}


def test_one_that_is_not_there_is_named(home: Path) -> None:
    with pytest.raises(InputError, match=r"nobody\.jsonl"):
        inputs_of(settings(home, "evaluation.also={adult: nobody.jsonl}"))


def test_a_run_goes_on_with_the_set_it_was_begun_with_and_no_other(home: Path, tmp_path: Path) -> None:
    manifest = adults(tmp_path)
    begun_fit(tmp_path / "fit", settings(home, f"evaluation.also={{adult: {manifest}}}", f"storage={tmp_path}"))
    begun = read_description(tmp_path / "fit", to_go_on=True)
    assert inputs_again(begun, tmp_path / "fit")[0] == begun
    adults(tmp_path, "xy")
    with pytest.raises(InputError, match=r"evaluation\.also\.adult: 9 utterances then, 6 now"):
        inputs_again(begun, tmp_path / "fit")


def test_its_path_means_one_place_from_any_folder(home: Path, tmp_path: Path) -> None:
    adults(tmp_path)
    written = absolute(settings(home, "evaluation.also={adult: adults.jsonl}"))
    assert by_dotted_key(written)["evaluation.also.adult"] == str(tmp_path / "adults.jsonl")
