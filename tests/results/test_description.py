"""study.json is read as it was written, and refused where it is foreign."""

from dataclasses import replace
from pathlib import Path

import pytest
from making import config

from raytrain.errors import InputError
from raytrain.results.description import Description, read_description
from raytrain.results.folders import write_json

STUDY = Description(
    baseline_name="tiny",
    baseline=config(),
    space_name="smoke",
    space={"search": {"objective": "wer_under_memory", "memory_limit_gib": 8.0}},
    data={"synthetic": True},
)


def test_a_study_is_read_as_written(tmp_path: Path) -> None:
    STUDY.write(tmp_path)
    assert read_description(tmp_path) == STUDY
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]


def test_synthetic_data_and_random_weights_are_said_first() -> None:
    assert "synthetic" in STUDY.caveats()[0]
    real = replace(STUDY, data={"synthetic": False})
    assert "WER means nothing" in replace(real, baseline=config(pretrained=None)).caveats()[0]
    assert real.caveats() == []


def test_a_study_of_wer_alone_has_no_limit() -> None:
    alone = replace(STUDY, space={"search": {"objective": "wer", "memory_limit_gib": 8.0}})
    assert (STUDY.memory_limit_gib, alone.memory_limit_gib) == (8.0, None)


@pytest.mark.parametrize(
    ("values", "fact"),
    [({"version": 99, "baseline": {}, "space": {}}, "version 99, this raytrain knows 1"), ([], "not the description")],
)
def test_a_newer_or_foreign_description_is_refused(tmp_path: Path, values: object, fact: str) -> None:
    write_json(tmp_path / "study.json", values)
    with pytest.raises(InputError, match=rf"study\.json: {fact}"):
        read_description(tmp_path)
