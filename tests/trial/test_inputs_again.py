"""A run goes on with the data it was begun with, wherever they lie now, and with no others."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recordings import row, tone
from small_corpora import Line, begun_fit, begun_study, settings, spoken, write

from raytrain.errors import InputError
from raytrain.results.description import Description, read_description
from raytrain.trial.inputs import DATA_FILE
from raytrain.trial.inputs_again import inputs_again

STUDIES = Path(__file__).parents[1] / "data" / "studies"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 15 clips of five children, and its manifest."""
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    write(folder / "manifest.jsonl", spoken(folder, "abcde"))
    return folder


@pytest.fixture
def fit(data: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "fit"
    begun_fit(folder, settings(data / "manifest.jsonl", f"storage={tmp_path}"))
    return folder


def change(data: Path, changed: Callable[[list[Line], Path], list[Line]]) -> None:
    write(data / "manifest.jsonl", changed(spoken(data, "abcde"), data))


def with_field(index: int, **fields: Any) -> Callable[[list[Line], Path], list[Line]]:
    return lambda lines, _: [{**line, **fields} if place == index else line for place, line in enumerate(lines)]


def renamed(lines: list[Line], _: Path) -> list[Line]:
    return [{**line, "child_id": line["child_id"].replace("_b", "_z")} for line in lines]


def with_another_sound(lines: list[Line], data: Path) -> list[Line]:
    return [row(data, "a0", tone(0.3, hz=999)), *lines[1:]]


def resumed(folder: Path) -> Description:
    return inputs_again(read_description(folder, to_go_on=True), folder)[0]


CHANGES = [
    (lambda lines, data: lines[1:], "1 utterance is gone (a0)"),
    (with_field(4, orthographic_text="other words"), "1 transcript is edited (b1)"),
    (renamed, "1 child is renamed (child_b is child_z)"),
    (lambda lines, data: [*lines, *spoken(data, "fghi")], "4 children more (child_f, child_g, child_h, …)"),
    (lambda lines, data: [*lines, *spoken(data, "fghi")], "12 utterances more (f0, f1, f2, …)"),
    (lambda lines, data: lines[3:], "1 child is gone (child_a)"),
    (with_field(0, child_id="child_b"), "1 utterance is another child's (a0)"),
    (with_field(0, age_bucket="3-4"), "1 age bucket is another (a0)"),
    (with_another_sound, "1 utterance sounds otherwise (a0)"),
    (lambda lines, data: lines[::-1], "the utterances are in another order"),
]


@pytest.mark.parametrize(("changed", "told"), CHANGES, ids=[told for _, told in CHANGES])
def test_other_data_are_refused_with_what_differs_and_the_ways_out(
    fit: Path, data: Path, changed: Callable[[list[Line], Path], list[Line]], told: str
) -> None:
    change(data, changed)
    with pytest.raises(InputError) as refused:
        resumed(fit)
    message = str(refused.value)
    assert message.startswith(f"{fit}: was begun with other data than there are now: ")
    assert told in message
    assert message.endswith(f"put back {data / 'manifest.jsonl'} and the sound as they were, or begin another fit")


def test_that_the_split_would_move_is_told(fit: Path, data: Path) -> None:
    held_out = read_description(fit).data["validation_children"][0]
    change(data, lambda lines, _: [line for line in lines if line["child_id"] != held_out])
    with pytest.raises(InputError, match=r"\d+ utterances would change halves"):
        resumed(fit)


def test_the_same_content_is_gone_on_with_wherever_its_sound_lies_and_whenever_it_was_copied(
    fit: Path, data: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(data, tmp_path / "elsewhere")
    lines = [{**line, "audio_path": str(moved / line["audio_path"])} for line in spoken(data, "abcde")]
    for path in data.iterdir():
        path.unlink()
    write(data / "manifest.jsonl", lines)
    os.utime(data / "manifest.jsonl", (0, 0))
    assert resumed(fit) == read_description(fit)


def test_what_differs_is_told_in_numbers_where_the_listing_is_gone(fit: Path, data: Path) -> None:
    (fit / DATA_FILE).unlink()
    change(data, lambda lines, _: lines[3:])
    with pytest.raises(InputError) as refused:
        resumed(fit)
    told = "1 child is gone (child_a), 15 utterances then, 12 now; no more can be told without "
    assert f"{told}{fit / DATA_FILE}" in str(refused.value)


def test_a_listing_that_was_changed_tells_nothing(fit: Path, data: Path) -> None:
    (fit / DATA_FILE).write_text("{\n" * 10)
    change(data, with_field(4, orthographic_text="other words"))
    with pytest.raises(InputError, match="15 utterances then, 15 now; no more can be told"):
        resumed(fit)


def test_the_listings_own_sha256_is_the_datas(fit: Path) -> None:
    listed = (fit / DATA_FILE).read_bytes()
    assert read_description(fit).data["data_sha256"] == hashlib.sha256(listed).hexdigest()
    assert len(listed.splitlines()) == 15


def test_a_manifest_that_is_gone_is_named_with_the_way_back(fit: Path, data: Path) -> None:
    (data / "manifest.jsonl").rename(data / "moved.jsonl")
    told = f"{data}/manifest.jsonl: no such manifest, and {fit} was begun with it; put it back at that path, or begin"
    with pytest.raises(InputError) as refused:
        resumed(fit)
    assert str(refused.value).startswith(told)


def older(folder: Path, **changed: Any) -> None:
    """As runs were described before their data were recorded."""
    begun = read_description(folder)
    new = ("data_sha256", "shared_children", "shared_utterance_ids", "shared_sounds")
    kept = {key: value for key, value in begun.data.items() if key not in new}
    replace(begun, data=kept | changed).write(folder)


def test_a_run_from_before_goes_on_with_a_caveat_and_is_fixed_from_then_on(fit: Path, data: Path) -> None:
    older(fit)
    description = resumed(fit)
    assert description.caveats()[-1].startswith("Begun before raytrain recorded its data, and gone on with")
    description.write(fit)
    change(data, with_field(4, orthographic_text="other words"))
    with pytest.raises(InputError, match="was begun with other data"):
        resumed(fit)


def test_a_run_from_before_whose_children_are_others_is_refused(fit: Path, data: Path) -> None:
    older(fit)
    change(data, lambda lines, data: [*lines, *spoken(data, "fghi")])
    with pytest.raises(InputError, match=r"4 children more \(child_f, .*\), 15 utterances then, 27 now"):
        resumed(fit)


@pytest.mark.parametrize("strange", [{"train_children": 5}, {"train_utterances": "many"}, {"data_sha256": []}])
def test_a_description_of_data_that_makes_no_sense_is_told_by_its_key(fit: Path, strange: dict[str, Any]) -> None:
    older(fit, **strange)
    with pytest.raises(InputError, match=rf"fit\.json: data\.{next(iter(strange))}.*; restore the file from a copy"):
        resumed(fit)


@pytest.mark.parametrize("version", ["version-1", "version-2"])
def test_studies_of_each_version_go_on_with_the_demo(version: str, tiny_en: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(STUDIES / version, tmp_path / version))
    begun = read_description(folder, to_go_on=True)
    baseline = begun.baseline
    here = baseline.model_copy(update={"model": baseline.model.model_copy(update={"pretrained": str(tiny_en)})})
    description, inputs = inputs_again(replace(begun, baseline=here), folder)
    assert description.data["train_children"] == list(inputs.split.train_children)
    assert "only its children" in description.caveats()[-1]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("door", "begin"), [("raytrain.fit", begun_fit), ("raytrain.tune", begun_study)])
def test_a_door_refuses_to_go_on_with_other_data_in_one_line_and_touches_nothing(
    data: Path, tmp_path: Path, door: str, begin: Callable[..., Description]
) -> None:
    folder = tmp_path / "run"
    begin(folder, settings(data / "manifest.jsonl", f"storage={tmp_path}", "tracking.wandb=disabled"))
    change(data, lambda lines, data: [*lines, *spoken(data, "fghi")])
    before = contents(folder)
    done = subprocess.run(
        [sys.executable, "-m", door, "--resume", str(folder)], capture_output=True, text=True, timeout=60, cwd="/"
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "4 children more" in done.stderr
    before.pop("study.lock", None)
    after = contents(folder)
    after.pop("study.lock", None)
    assert after == before


def test_a_study_is_begun_with_the_same_words(data: Path, tmp_path: Path) -> None:
    begun_study(tmp_path / "study", settings(data / "manifest.jsonl"))
    change(data, lambda lines, data: lines[1:])
    with pytest.raises(InputError, match=r"or begin another study$"):
        resumed(tmp_path / "study")


def test_children_that_were_not_compared_are_told_once_a_validation_manifest_was(data: Path, tmp_path: Path) -> None:
    """A fit from before the two manifests were held apart goes on, and says what they share."""
    theirs = write(data / "theirs.jsonl", spoken(data, "de"))
    config = settings(data / "manifest.jsonl", f"data.validation_manifest={theirs}", "data.allow_shared_children=true")
    begun_fit(tmp_path / "fit", config)
    older(tmp_path / "fit")
    values = read_description(tmp_path / "fit")
    refusing = config.model_copy(update={"data": config.data.model_copy(update={"allow_shared_children": False})})
    replace(values, baseline=refusing).write(tmp_path / "fit")
    assert "both have 2 children, 6 utterance ids, 6 clips" in " ".join(resumed(tmp_path / "fit").caveats())
