"""Run folders have dates and free names; files are written whole."""

from datetime import date
from pathlib import Path

import pytest

from raytrain.errors import InputError
from raytrain.files import read_value, write_json
from raytrain.results.run_folder import name_of, new_run_folder

NEW_YEAR = date(2026, 1, 1)


def test_a_folder_is_named_by_date_and_parts_and_numbered_when_taken(tmp_path: Path) -> None:
    names = [new_run_folder(tmp_path / "results", ["small", "batching"], today=NEW_YEAR).name for _ in range(3)]
    assert names == ["2026-01-01_small_batching", "2026-01-01_small_batching-2", "2026-01-01_small_batching-3"]


def test_a_baseline_named_by_its_path_makes_one_folder(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path, ["../my baseline"], today=NEW_YEAR)
    assert folder == tmp_path / "2026-01-01_my-baseline"


def test_a_folder_is_made_with_all_above_it_and_its_name_is_never_hidden_or_empty(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path / "far" / "away", [".x-1.5.", "..."], today=NEW_YEAR)
    assert folder == tmp_path / "far" / "away" / "2026-01-01_x-1.5_run"
    assert folder.is_dir()


def test_storage_that_is_a_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"storage: .*file.*storage=PATH"):
        new_run_folder(tmp_path / "file", ["small"])


def test_json_is_replaced_in_one_move_and_leaves_no_other_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"wer": float("nan"), "name": "é"})
    write_json(tmp_path / "a.json", {"wer": 0.25})
    assert read_value(tmp_path / "a.json") == {"wer": 0.25}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_value_that_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"new": object()})
    assert read_value(tmp_path / "a.json") == {"old": 1}


@pytest.mark.parametrize(("content", "fact"), [(None, "no such file"), ("{", "not JSON"), ("\xff", "not JSON")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, fact: str) -> None:
    path = tmp_path / "study.json"
    path.write_bytes(content.encode("latin-1")) if content is not None else None
    with pytest.raises(InputError, match=rf"study\.json: .*{fact}"):
        read_value(path)


def test_a_fit_is_named_after_its_file_and_one_of_a_study_s_best_after_the_study(tmp_path: Path) -> None:
    study = tmp_path / "2026-11-28_small_batching"
    (study / "front").mkdir(parents=True)
    (study / "study.json").write_text("{}")
    names = [
        name_of(path) for path in (Path("small"), Path("my/mine.yaml"), study / "best.yaml", study / "front/t.yaml")
    ]
    assert names == ["small", "mine", "small_batching_best", "small_batching_t"]
    assert new_run_folder(tmp_path, names[2].split("_")).name.endswith("_small_batching_best")
