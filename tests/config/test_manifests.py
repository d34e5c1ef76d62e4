"""One manifest to train on or several: each has a name of its own, a weight and, once a run writes it, a whole path."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytrain.config.absolute import absolute
from raytrain.config.baseline import Baseline, Data
from raytrain.config.dump import dump_yaml
from raytrain.config.manifests import Named, Weighted
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError


def asked(manifests: str) -> Baseline:
    return load_baseline("small", [f"data.train_manifest={manifests}"])


def names(*manifests: str | dict[str, Any]) -> list[str | None]:
    return [source.name for source in Data.model_validate({"train_manifest": list(manifests)}).train_sources()]


def test_a_source_is_called_by_its_file() -> None:
    assert names("my/cv.jsonl", "/data/myst.jsonl", "demo") == ["cv", "myst", "demo"]


def test_a_file_whose_name_says_nothing_is_called_by_its_folder() -> None:
    assert names("cv/manifest.jsonl", "myst/train.jsonl") == ["cv", "myst"]
    assert names("cv/clips.jsonl", "myst/clips.jsonl") == ["cv", "myst"]


def test_a_given_name_counts_and_what_would_be_called_so_gives_way() -> None:
    assert names({"manifest": "a.jsonl", "name": "school"}, "home/school.jsonl") == ["school", "home"]


def test_a_name_that_a_table_cannot_hold_is_made_plain() -> None:
    (name,) = names("tab\there\n.jsonl")
    assert name == "tab_here_"
    assert len(names("a" * 200 + ".jsonl")[0] or "") == 40


@given(st.lists(st.text("ab./", min_size=1, max_size=8), min_size=1, max_size=4))
def test_whatever_paths_are_listed_names_differ_or_the_list_is_refused(paths: list[str]) -> None:
    try:
        found = names(*paths)
    except ValueError:
        return
    assert len(set(found)) == len(paths)


def test_a_list_of_one_is_that_manifest_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute(asked("[my/a.jsonl]")) == absolute(asked("my/a.jsonl"))
    assert absolute(asked("my/a.jsonl")).data.train_manifest == str(tmp_path / "my/a.jsonl")


def test_what_a_run_writes_down_has_whole_paths_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = absolute(asked("[my/manifest.jsonl, {manifest: b.jsonl, weight: 2}, demo]"))
    assert written.data.train_manifest == [
        Weighted(manifest=str(tmp_path / "my/manifest.jsonl"), weight=1.0, name="my"),
        Weighted(manifest=str(tmp_path / "b.jsonl"), weight=2.0, name="b"),
        Weighted(manifest="demo", weight=1.0, name="demo"),
    ]
    (tmp_path / "written.yaml").write_text(dump_yaml(written))
    assert load_baseline("written.yaml") == written
    assert absolute(written) == written


def test_manifests_to_score_on_have_names_and_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scored = absolute(load_baseline("small", ["data.validation_manifest=[cv/dev.jsonl, demo]"])).data
    assert scored.validation_manifest == [
        Named(manifest=str(tmp_path / "cv/dev.jsonl"), name="cv"),
        Named(manifest="demo", name="demo"),
    ]
    with pytest.raises(InputError, match=r"data.validation_manifest.0.weight: unknown key; known here: manifest, name"):
        load_baseline("small", ["data.validation_manifest=[{manifest: a.jsonl, weight: 2}]"])
    with pytest.raises(InputError, match=r"a.jsonl is listed twice; list it once$"):
        load_baseline("small", ["data.validation_manifest=[a.jsonl, a.jsonl]"])


REFUSED = {
    "[]": "an empty list: name a manifest, or several",
    "[a.jsonl, ./a.jsonl]": "a.jsonl is listed twice; list it once, and with a weight of 2 each epoch hears it twice",
    "[x/data/a/manifest.jsonl, y/a/manifest.jsonl]": (
        "2 manifests are called 'a' in outputs; name one otherwise, as in {manifest: y/a/manifest.jsonl, name: a2}"
    ),
    "[{manifest: a.jsonl, name: c}, {manifest: b.jsonl, name: c}]": "2 manifests are called 'c' in outputs; name one",
    "[a.jsonl, {manifest: b.jsonl, weight: 0}]": "data.train_manifest.1.weight: must be above 0, got 0",
    "[a.jsonl, {manifest: b.jsonl, weight: 101}]": "data.train_manifest.1.weight: must be at most 100, got 101",
    "[a.jsonl, {manifest: b.jsonl, weight: .nan}]": "data.train_manifest.1.weight: must be a finite number, got nan",
    "[a.jsonl, {manifest: b.jsonl, weight: two}]": "data.train_manifest.1.weight: must be a number, got the text 'two'",
    "[a.jsonl, {manifest: b.jsonl, wieght: 2}]": "data.train_manifest.1.wieght: unknown key; did you mean 'weight'?",
    "[a.jsonl, {weight: 2}]": "data.train_manifest.1.manifest: missing",
    "[{manifest: a.jsonl, name: x/y}]": "data.train_manifest.0.name: must be at most 40 letters on one line, with no /",
    "[a.jsonl, 3]": "data.train_manifest.1: must be text or a section of keys, got 3",
    "3": "must be text or a list, got 3",
}


@pytest.mark.parametrize("typed", REFUSED)
def test_a_list_that_cannot_be_meant_is_refused_in_one_line(typed: str) -> None:
    with pytest.raises(InputError) as refused:
        asked(typed)
    message = str(refused.value)
    assert REFUSED[typed] in message
    assert message.startswith("override data.train_manifest=")
    assert "\n" not in message


def test_in_a_file_the_line_of_the_entry_is_named(tmp_path: Path) -> None:
    lines = dump_yaml(load_baseline("small")).replace(
        "train_manifest: demo", "train_manifest:\n    - a.jsonl\n    - manifest: b.jsonl\n      weight: -1"
    )
    (tmp_path / "mine.yaml").write_text(lines)
    number = lines.splitlines().index("      weight: -1") + 1
    with pytest.raises(InputError, match=f"mine.yaml:{number}: data.train_manifest.1.weight: must be above 0, got -1"):
        load_baseline(str(tmp_path / "mine.yaml"))
