"""A disk that takes no more: one line and the way to go on, whatever it was that could not be written."""

from pathlib import Path

import pytest

from raytrain.cli import disk_faults_reported, run_door
from raytrain.errors import Broken
from raytrain.files import write_text


def fill_a_disk() -> None:
    with Path("/dev/full").open("w") as file:
        file.write("a word")


def full(folder: Path) -> None:
    with disk_faults_reported(folder, resume="python -m raytrain.tune --resume here"):
        fill_a_disk()


def test_a_run_that_has_begun_is_gone_on_with_once_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(Broken) as caught:
        full(tmp_path)
    told = f"{tmp_path}: No space left on device; make room, then go on:\npython -m raytrain.tune --resume here"
    assert str(caught.value) == told


def test_a_folder_in_the_place_of_a_run_s_file_is_to_be_taken_away(tmp_path: Path) -> None:
    (tmp_path / "fit.json").write_text("{}")
    (tmp_path / "data.jsonl").mkdir()
    with pytest.raises(Broken) as caught, disk_faults_reported(tmp_path, resume="--resume here"):
        write_text(tmp_path / "data.jsonl", "a word")
    told = f"{tmp_path / 'data.jsonl'}: Is a directory; take away what lies in its place, then go on:\n--resume here"
    assert str(caught.value) == told


def test_a_door_that_renews_a_file_says_what_lies_in_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "best.yaml").mkdir()
    with pytest.raises(SystemExit) as ended:
        run_door(lambda: write_text(tmp_path / "best.yaml", "a word"))
    assert ended.value.code == 2
    said = f"{tmp_path / 'best.yaml'}: Is a directory; take away what lies in its place, or name another place\n"
    assert capsys.readouterr().err == said


def test_a_run_that_could_not_begin_needs_another_place(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="No space left on device; make room, or take storage=PATH"):
        full(tmp_path)


def test_a_door_fails_by_it_in_that_line_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_door(lambda: full(tmp_path))
    assert (ended.value.code, len(capsys.readouterr().err.splitlines())) == (1, 1)


def test_a_door_that_leaves_no_run_asks_for_another_place(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_door(fill_a_disk)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "a disk: No space left on device; make room, or name another place\n"


def test_a_text_that_cannot_be_written_is_told_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Not a directory") as caught:
        write_text(tmp_path / "file" / "below" / "report.md", "a word")
    assert caught.value.filename == str(tmp_path / "file" / "below" / "report.md")


def test_a_fault_that_is_not_the_disk_s_is_raised_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk_faults_reported(tmp_path, resume=""):
        (tmp_path / "nothing").read_text()
