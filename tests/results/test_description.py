"""study.json and fit.json are read as they were written, and refused where they are foreign."""

from pathlib import Path
from typing import Any

import pytest
from making import config

from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.files import write_json
from raytrain.results.description import Description, read_description
from raytrain.results.records import Outcome


def space(**search: Any) -> SearchSpace:
    vary = {"training.batch_size": {"values": [4, 8]}}
    return SearchSpace.model_validate({"vary": vary, "search": search})


STUDY = Description(
    baseline_name="tiny",
    baseline=config(),
    space_name="smoke",
    space=space(objective="wer_under_memory", memory_limit_gib=8.0),
    data={"synthetic": True},
)


def test_a_study_is_read_as_written(tmp_path: Path) -> None:
    STUDY.write(tmp_path)
    assert read_description(tmp_path) == STUDY
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]


def test_a_fit_has_no_space_and_its_own_file(tmp_path: Path) -> None:
    fit = Description(baseline_name="small", baseline=config(), result={"outcome": Outcome.FAILED, "eval_wer": 0.2})
    fit.write(tmp_path)
    assert read_description(tmp_path) == fit
    assert (tmp_path / "fit.json").exists()


def test_synthetic_data_and_random_weights_are_said_first() -> None:
    assert "synthetic" in STUDY.caveats()[0]
    random = Description(baseline_name="small", baseline=config(pretrained=None))
    assert "WER means nothing" in random.caveats()[0]
    assert Description(baseline_name="small", baseline=config()).caveats() == []


def test_what_both_halves_have_is_said() -> None:
    shared = {"shared_children": 1, "shared_utterance_ids": 0, "shared_sounds": 2}
    (caveat,) = Description(baseline_name="a", baseline=config(), data=shared).caveats()
    assert "both have 1 child, 2 clips of the very same sound, which flatters the WER" in caveat


def test_children_that_are_not_known_are_said_and_never_called_apart() -> None:
    unknown = Description(baseline_name="a", baseline=config(), data={"children_not_known": True, "shared_children": 0})
    (caveat,) = unknown.caveats()
    assert caveat.startswith("Who speaks is not known: each utterance is taken for a child of its own, so a child may ")
    assert not unknown.halves_are_compared
    assert Description(baseline_name="a", baseline=config()).halves_are_compared


def test_a_study_of_wer_alone_has_no_limit() -> None:
    alone = Description(baseline_name="a", baseline=config(), space=space(objective="wer", memory_limit_gib=8.0))
    assert (STUDY.memory_limit_gib, alone.memory_limit_gib) == (8.0, None)


def test_a_pareto_front_keeps_the_limit_too() -> None:
    front = Description(baseline_name="a", baseline=config(), space=space(objective="pareto", memory_limit_gib=8.0))
    assert (front.memory_limit_gib, front.is_pareto, STUDY.is_pareto) == (8.0, True, False)


@pytest.mark.parametrize(
    ("values", "fact"),
    [
        ({"version": 99, "baseline": {}}, "version 99, this raytrain knows 2"),
        ([], "not the description"),
        ({"baseline": {}, "space": 5}, "not the description"),
        ({"baseline": {}, "space": {"vary": 1}}, "not the description"),
    ],
)
def test_a_newer_or_foreign_description_is_refused(tmp_path: Path, values: object, fact: str) -> None:
    write_json(tmp_path / "study.json", values)
    with pytest.raises(InputError, match=rf"study\.json: {fact}"):
        read_description(tmp_path)


def test_a_folder_that_holds_neither_description_is_told_apart_from_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r": holds neither study\.json nor fit\.json; name the folder of a study"):
        read_description(tmp_path)
    with pytest.raises(InputError, match=r"nowhere: there is no such folder; name the folder of a study or a fit"):
        read_description(tmp_path / "nowhere")


def test_settings_of_another_raytrain_are_read_and_not_gone_on_with(tmp_path: Path) -> None:
    settings = {**load_baseline("tiny").model_dump(), "moods": {"good": True}}
    write_json(tmp_path / "fit.json", {"baseline_name": "tiny", "baseline": settings})
    assert read_description(tmp_path).baseline == load_baseline("tiny")
    with pytest.raises(InputError, match=r"fit\.json: moods: unknown key; .* written by another raytrain\?"):
        read_description(tmp_path, to_go_on=True)
