"""A run on several manifests: split by child over all of them, told by each, and gone on with only as it was begun."""

import json
from pathlib import Path

import pytest
from recordings import row, tone
from small_corpora import begun_fit, settings, spoken, write

from raytrain.config.absolute import absolute
from raytrain.config.baseline import Baseline
from raytrain.config.derived import derived
from raytrain.errors import InputError
from raytrain.plan import main as plan
from raytrain.results.description import Description, read_description
from raytrain.speech.halves import halves_of
from raytrain.trial.inputs import DATA_FILE, Inputs, inputs_of
from raytrain.trial.inputs_again import inputs_again


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return write_source(tmp_path / "home", "abcd")


@pytest.fixture
def school(tmp_path: Path) -> Path:
    return write_source(tmp_path / "school", "vwxyz")


def write_source(folder: Path, children: str) -> Path:
    return write(folder / "manifest.jsonl", spoken(folder, children))


def both(home: Path, school: Path, *overrides: str, weight: float = 1) -> Baseline:
    return settings(f"[{home}, {{manifest: {school}, weight: {weight}}}]", *overrides)


def test_every_child_is_whole_in_one_half_and_each_manifest_is_scored(home: Path, school: Path) -> None:
    inputs = inputs_of(both(home, school))
    assert {*inputs.split.train_children} | {*inputs.split.validation_children} == {f"child_{c}" for c in "abcdvwxyz"}
    scored = {inputs.corpus.source(index) for index in inputs.split.validation}
    assert scored == {"home", "school"}
    described = inputs.described()
    assert described["train_utterances_by_source"] == {"home": 9, "school": 9}
    assert described["validation_utterances_by_source"] == {"home": 3, "school": 6}


def test_both_halves_are_told_by_manifest_before_anything_is_trained(home: Path, school: Path) -> None:
    config = both(home, school, weight=2)
    lines = inputs_of(config).halves.lines()
    assert lines[:4] == [
        "trains     18 clips of 6 children: 18 of 6 aged 5-7",
        "           home 9 clips of 3 children, school 9 clips of 3 children × 2 an epoch",
        "scores     9 clips of 3 children: 9 of 3 aged 5-7",
        "           home 3 clips of 1 child, school 6 clips of 2 children",
    ]
    assert halves_of(config.data, seed=config.training.seed).lines() == lines


def test_a_child_in_two_manifests_is_one_child_and_said_to_be(home: Path, tmp_path: Path) -> None:
    inputs = inputs_of(both(home, write_source(tmp_path / "school", "cdefg")))
    assert len(inputs.split.train_children) + len(inputs.split.validation_children) == 7
    assert set(inputs.split.train_children).isdisjoint(inputs.split.validation_children)
    lines = "\n".join(inputs.halves.lines())
    assert "note       2 children in several manifests: each is one child, whole in one half" in lines
    assert "note       12 clips in several manifests, by sound or file: heard once for each; leave them" in lines
    assert inputs.described()["children_in_several_sources"] == 2


def test_the_same_files_under_other_children_are_a_caveat_in_every_output(home: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) | {"utterance_id": f"o{n}"} for n, line in enumerate(home.read_text().splitlines())]
    renamed = write(home.with_name("other.jsonl"), [{**line, "child_id": f"new_{line['child_id']}"} for line in lines])
    config = settings(f"[{{manifest: {home}, name: home}}, {renamed}]", "data.validation_ratio=0.5")
    inputs = inputs_of(config)
    assert "24 clips in several manifests" in "\n".join(halves_of(config.data, seed=42).lines())
    assert inputs.described()["sounds_in_several_sources"] == 24
    caveats = " ".join(Description(baseline_name="", baseline=config, data=inputs.described()).caveats())
    assert inputs.shared.sounds
    assert f"both have {len(inputs.shared.sounds)} clips of the very same sound" in caveats


def test_ids_of_a_validation_manifest_are_compared_as_they_are_written(home: Path, school: Path) -> None:
    other = home.with_name("v")
    other.mkdir()
    scored = write(other / "v.jsonl", [row(other, "a0", tone(0.3, hz=999), child_id="child_q")])
    with pytest.raises(InputError, match=r"shares 1 utterance id \(a0\) with data.train_manifest"):
        inputs_of(both(home, school, f"data.validation_manifest={scored}"))


def test_several_manifests_to_score_on_are_told_by_each(home: Path, tmp_path: Path) -> None:
    scored = [write_source(tmp_path / name, children) for name, children in (("lab", "mn"), ("street", "op"))]
    listed = ", ".join(map(str, scored))
    config = settings(home, f"data.validation_manifest=[{listed}]")
    inputs = inputs_of(config)
    assert inputs.halves.lines()[:3] == [
        "trains     12 clips of 4 children: 12 of 4 aged 5-7",
        "scores     12 clips of 4 children: 12 of 4 aged 5-7",
        "           lab 6 clips of 2 children, street 6 clips of 2 children",
    ]
    assert halves_of(config.data, seed=0) == inputs.halves
    assert inputs.described()["validation_utterances_by_source"] == {"lab": 6, "street": 6}
    opened = Inputs.opened(inputs.whereabouts)
    assert opened.listing == inputs.listing
    assert opened.validation_corpus is not None
    assert opened.validation_corpus.source(7) == "street"
    with pytest.raises(InputError, match=rf"data.validation_manifest: {scored[0]} and {home}: shares 4 children"):
        inputs_of(settings(home, f"data.validation_manifest=[{scored[0]}, {home}]"))


def test_the_length_of_an_epoch_counts_weights(home: Path, school: Path) -> None:
    for weight, examples in ((1, 18), (2, 27), (0.5, 13)):
        config = both(home, school, "training.num_epochs=2", "training.max_steps=null", weight=weight)
        inputs = inputs_of(config)
        assert inputs.examples_an_epoch == examples
        assert derived(config, inputs.examples_an_epoch)["examples"] == 2 * examples


def test_a_list_of_one_with_a_weight_is_heard_by_it(home: Path) -> None:
    inputs = inputs_of(settings(f"[{{manifest: {home}, weight: 3}}]"))
    assert inputs.examples_an_epoch == 3 * len(inputs.split.train)
    assert inputs.corpus.utterance_ids[0] == "a0"
    assert inputs.halves.lines()[0].endswith(" × 3 an epoch")


def test_a_run_goes_on_with_both_manifests_as_they_were(home: Path, school: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fit"
    config = absolute(both(home, school, f"storage={tmp_path}", weight=1.5))
    begun_fit(folder, config)
    again, inputs = inputs_again(read_description(folder, to_go_on=True), folder)
    assert again.baseline == config
    assert Inputs.opened(inputs.whereabouts).listing == inputs.listing == (folder / DATA_FILE).read_text()
    write(school, spoken(school.parent, "vwxy"))
    with pytest.raises(InputError, match=rf"3 utterances are gone \(school/z0, .*put back {home} and {school}"):
        inputs_again(read_description(folder, to_go_on=True), folder)
    school.unlink()
    with pytest.raises(InputError, match=f"{school}: no such manifest, and {folder} was begun with it"):
        inputs_again(read_description(folder, to_go_on=True), folder)


def test_a_missing_second_manifest_is_named(home: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path}/none.jsonl: no such manifest"):
        inputs_of(both(home, tmp_path / "none.jsonl"))


def test_a_plan_takes_several_manifests(
    home: Path, school: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ratio, epochs = "data.validation_ratio=0.3", "training.num_epochs=2"
    inputs_of(both(home, school))  # prepared
    monkeypatch.setattr("sys.argv", ["plan", "--json", "--data", str(home), "--data", str(school), ratio, epochs])
    with pytest.raises(SystemExit, match="0"):
        plan()
    planned = json.loads(capsys.readouterr().out)
    assert planned["data"]["train"]["sources"]["school"] == {"clips": 9, "children": 3}
    assert planned["rows"][0]["examples"] == round(2 * 27 * 0.7)
