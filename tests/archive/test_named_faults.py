"""What is wrong in an archive is named in a line with its way out, and no file of anybody's is lost by it."""

import json
import os
import pickle
import pwd
import shutil
import tempfile
import zipfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from runs import WHY, make_fit
from test_one_bad_run import call
from test_summaries import make_trainer_folder

from raytrain.archive import summary
from raytrain.archive.checksums import FILE_NAME
from raytrain.archive.pickled import plain_values
from raytrain.archive.store import Archive
from raytrain.errors import InputError


@pytest.fixture
def home(project: Path, archive: Archive) -> Path:
    archive.add(make_fit(project / "results" / "run"), why=WHY)
    archive.add(make_trainer_folder(project / "results" / "other", [0.3]), why=WHY)
    return archive.home


def told(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str, status: int) -> str:
    """What the door says on stderr."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert call(home, monkeypatch, *arguments) == status
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "content", "named"),
    [
        ("run/fit.json", '{"result": {"history": [{"step": "x"}]}}', "fit.json: result.history.0.step: must be"),
        ("run/fit.json", "[" * 200_000, "fit.json: not JSON"),
        ("other/checkpoint-1000/trainer_state.json", '{"log_history": 3}', "trainer_state.json: log_history: must be"),
    ],
)
def test_a_run_that_cannot_be_summed_up_is_listed_and_named(
    path: str, content: str, named: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / path).write_text(content)
    assert named in told(home, capsys, "list", status=1)
    assert named in told(home, capsys, "show", path.partition("/")[0], status=1)
    assert "1 of 2 whole" in told(home, capsys, "verify", status=1)


def test_a_manifest_of_a_newer_raytrain_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = json.loads((home / "run" / FILE_NAME).read_text())
    (home / "run" / FILE_NAME).write_text(json.dumps(values | {"format": 2}))
    assert "run: MANIFEST.json: written by a newer raytrain; use that version" in told(home, capsys, "list", status=1)


def test_a_manifest_with_other_line_ends_is_an_edited_one(home: Path, archive: Archive) -> None:
    path = home / "run" / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert archive.verify("run")["run"] == ["MANIFEST.json: edited: its sha256 is not that of its text"]


def test_a_path_that_steers_the_terminal_is_named_escaped(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "run" / "a\nb\x1b[31m").touch()
    assert r"run: a\nb\x1b[31m: not archived with the run" in told(home, capsys, "verify", "run", status=1)


def test_a_manifest_of_gigabytes_is_not_read(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.truncate(home / "run" / FILE_NAME, 30 * 2**30)
    assert "run: MANIFEST.json: cannot be read (32,212,254,720 bytes" in told(home, capsys, "list", status=1)


@pytest.mark.parametrize(("path", "status"), [("run/MANIFEST.json", 1), ("README.md", 0)])
def test_a_pipe_in_the_place_of_a_file_of_the_archive_is_named(
    path: str, status: int, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / path).unlink()
    os.mkfifo(home / path)
    assert "not a file" in told(home, capsys, "list", status=status)
    told(home, capsys, "restore", "other", status=0)


@pytest.mark.parametrize("damage", [lambda text: b"\xff" + text, lambda text: text.replace(b"<!-- to here -->", b"")])
def test_an_index_of_which_nobody_knows_what_is_whose_stays(
    damage: Callable[[bytes], bytes], project: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = home / "README.md"
    index.write_bytes(damage(index.read_bytes()))
    before = index.read_bytes()
    assert "README.md: its lines are not renewed" in told(home, capsys, "restore", "run", status=0)
    assert index.read_bytes() == before
    assert (project / "results" / "run").is_dir()


def test_an_empty_journal_is_named_and_holds_up_its_own_run_alone(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".run.move.json").touch()
    assert ".run.move.json: not JSON" in told(home, capsys, "restore", "run", status=2)
    assert ".run.move.json: not JSON" in told(home, capsys, "restore", "other", status=0)


def test_a_manifest_whose_journal_cannot_be_read_is_not_lost(home: Path, archive: Archive) -> None:
    (home / "run" / FILE_NAME).rename(home / f".run.{FILE_NAME}")
    (home / ".run.move.json").touch()
    archive.recover()
    assert (home / f".run.{FILE_NAME}").is_file()
    (home / ".run.move.json").unlink()
    archive.recover()
    assert archive.verify("run") == {"run": []}


def test_a_damaged_manifest_of_a_move_holds_up_nobody_else(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    move = {"name": "gone", "home": None, "direction": "add", "outside": "/nowhere", "by": "rename", "keep": False}
    (home / ".gone.move.json").write_text(json.dumps(move))
    (home / f".gone.{FILE_NAME}").write_bytes(b"\xff")
    assert "an interrupted move of gone cannot be ended yet" in told(home, capsys, "restore", "other", status=0)


def test_a_journal_of_another_run_moves_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    move = {"name": "other", "home": None, "direction": "add", "outside": "/nowhere", "by": "rename", "keep": False}
    (home / ".run.move.json").write_text(json.dumps(move))
    assert ".run.move.json: of a move of other" in told(home, capsys, "list", status=0)


def test_a_strange_record_of_a_run_that_went_back_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "restored").mkdir()
    (home / "restored" / "gone.json").write_text('{"name": "gone"}')
    assert "restored/gone.json: kind: missing" in told(home, capsys, "list", status=1)


def test_a_folder_in_the_place_of_the_lock_is_named_and_the_runs_are_listed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".lock").unlink()
    (home / ".lock").mkdir()
    assert ".lock: a folder, in the place of a" in told(home, capsys, "list", status=0)
    assert ".lock: a folder, in the place of a" in told(home, capsys, "restore", "run", status=2)
    assert "2 of 2 whole" in told(home, capsys, "verify", status=0)


def test_a_run_with_a_folder_named_as_a_lock_is_archived(project: Path, archive: Archive) -> None:
    run = make_trainer_folder(project / "results" / "run", [0.3])
    (run / "study.lock").mkdir()
    archive.add(run, why=WHY)
    assert archive.verify() == {"run": []}


def test_a_run_whose_s3_is_away_is_named_and_the_others_are_verified(
    home: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (home / "other" / FILE_NAME).write_text(replace(archive.read("other"), remote="s3://kept/other").render())
    found = archive.verify()
    assert found["run"] == []
    assert found["other"][0].startswith("cannot be checked: s3://kept/other")


def test_a_pipe_and_a_bomb_in_the_place_of_arguments_are_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", pickle.dumps(Namespace(seed=7)) + bytes(2**25))
    with zipfile.ZipFile(tmp_path / "small", "w") as small:
        small.writestr("archive/data.pkl", pickle.dumps(Namespace(seed=7)))
    assert plain_values(tmp_path / "pipe") == plain_values(tmp_path / "bomb") == {}
    assert plain_values(tmp_path / "small") == {"seed": 7}


@pytest.fixture
def nobodys(home: Path) -> Iterator[Path]:
    """The archive of somebody who is not root, and this test as that person: root is stopped by no mode."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    shutil.copytree(home.parent, folder / "project", symlinks=True)
    Archive(folder / "project" / "archive").verify()  # all modules are loaded by now: nobody may not read them
    is_root = os.geteuid() == 0
    if is_root:
        nobody = pwd.getpwnam("nobody").pw_uid
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody, -1, follow_symlinks=False)
        os.seteuid(nobody)
    yield folder / "project" / "archive"
    if is_root:
        os.seteuid(0)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("locked", "named"),
    [
        ("run", "MANIFEST.json: cannot be read"),
        ("run/predictions.jsonl", "predictions.jsonl: Permission denied"),
        ("run/empty folder", "empty folder: Permission denied; make it readable"),
    ],
)
def test_a_run_without_rights_is_named_and_the_others_are_verified(locked: str, named: str, nobodys: Path) -> None:
    (nobodys / locked).chmod(0)
    found = Archive(nobodys).verify()
    (nobodys / locked).chmod(0o700)
    assert named in found["run"][0]
    assert found["other"] == []


@pytest.mark.parametrize("name", [".run.new", f".run.{FILE_NAME}", "restored/.run.new"])
def test_a_folder_in_the_place_of_what_a_kill_leaves_stays(name: str, home: Path, archive: Archive) -> None:
    (home / name).mkdir(parents=True)
    assert archive.verify() == {"other": [], "run": []}
    assert (home / name).is_dir()


def test_a_torn_state_of_a_foreign_run_is_nothing_beside_a_whole_one(tmp_path: Path) -> None:
    run = make_trainer_folder(tmp_path / "run", [0.3])
    (run / "trainer_state.json").write_text("{")
    assert summary(run)["steps"] == 1000


def test_no_file_outside_the_run_is_read_to_sum_it_up(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "run" / "fit.json").rename(home.parent / "fit.json")
    (home / "run" / "fit.json").symlink_to(home.parent / "fit.json")
    assert "fit.json: a link to" in told(home, capsys, "list", status=1)


def test_a_run_that_cannot_be_read_is_refused_in_a_line_with_the_way_out(nobodys: Path) -> None:
    (nobodys / "run").chmod(0)
    with pytest.raises(InputError, match=r"run.*: Permission denied; make it readable"):
        summary(nobodys / "run")
