"""What is written down means one place, from whatever folder it is read."""

from pathlib import Path

import pytest

from raytrain.config.absolute import absolute, absolute_space
from raytrain.config.reader import load_baseline, load_space
from raytrain.errors import InputError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_manifests_and_storage_are_paths_from_the_root_on(here: Path) -> None:
    typed = ("data.train_manifest=my/train.jsonl", "data.validation_manifest=../v.jsonl", "storage=results")
    found = absolute(load_baseline("tiny", typed))
    assert found.data.train_manifest == str(here / "my/train.jsonl")
    assert found.data.validation_manifest == str(here / "../v.jsonl")
    assert found.storage == str(here / "results")


def test_a_folder_of_weights_is_one_and_a_hubs_id_stays_an_id(here: Path) -> None:
    assert absolute(load_baseline("tiny")).model.pretrained == "openai/whisper-tiny.en"
    (here / "openai/whisper-tiny.en").mkdir(parents=True)
    assert absolute(load_baseline("tiny")).model.pretrained == str(here / "openai/whisper-tiny.en")


def test_demo_random_weights_and_addresses_stay_what_they_are() -> None:
    found = absolute(load_baseline("tiny", ["model.pretrained=null", "storage=s3://bucket/runs"]))
    assert (found.data.train_manifest, found.model.pretrained) == ("demo", None)
    assert (found.data.validation_manifest, found.storage) == (None, "s3://bucket/runs")


def test_what_is_absolute_stays_as_it_is() -> None:
    once = absolute(load_baseline("tiny", ["data.train_manifest=a.jsonl"]))
    assert absolute(once) == once


def test_home_is_written_out(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    monkeypatch.setenv("HOME", str(here / "home"))
    assert absolute(load_baseline("tiny", ["storage=~/runs"])).storage == str(here / "home/runs")


def test_nobodys_home_is_told_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^~nobody-of-that-name/r: no home folder is known; set HOME, or name a"):
        absolute(load_baseline("tiny", ["storage=~nobody-of-that-name/r"]))


def test_weights_that_a_space_varies_are_absolute_too(here: Path) -> None:
    baseline = load_baseline("tiny")
    typed = "vary={model.pretrained: {values: [./mine, openai/whisper-tiny.en, null]}}"
    found = absolute_space(load_space("smoke", [typed], baseline=baseline)).vary["model.pretrained"]
    assert found.model_dump()["values"] == [str(here / "mine"), "openai/whisper-tiny.en", None]


@pytest.mark.parametrize(
    ("typed", "told"), [("r\udcff", "is not UTF-8"), ("r\n", "commands to go on"), ("\x1b[31m", "commands to go on")]
)
def test_a_place_that_nothing_written_down_could_name_is_refused(here: Path, typed: str, told: str) -> None:
    tiny = load_baseline("tiny")
    with pytest.raises(InputError, match=told):
        absolute(tiny.model_copy(update={"storage": typed}))
