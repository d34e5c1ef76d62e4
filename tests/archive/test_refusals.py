"""Bad input: one clear line, and nothing moved."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runs import WHY, contents, debris, make_fit

from raytrain import files
from raytrain.archive import move
from raytrain.archive.store import Archive
from raytrain.errors import InputError


@pytest.fixture
def run(project: Path) -> Path:
    return make_fit(project / "results" / "run")


def refusal_of_adding(archive: Archive, run: Path, **options: object) -> str:
    """The one line; whatever is refused stays as it is, and nothing lies about."""
    before = contents(run)
    with pytest.raises(InputError) as refused:
        archive.add(run, **{"why": WHY, **options})
    assert contents(run) == before
    assert debris(archive.home, run.parent) == []
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_name_that_is_taken(archive: Archive, run: Path) -> None:
    archive.add(make_fit(run.parent / "first"), why=WHY, name="medium")
    assert "medium: exists; choose another name with --name" in refusal_of_adding(archive, run, name="medium")


@pytest.mark.parametrize("name", ["../out", "a/b", "", ".hidden", "two words", "README.md", "restored", "a" * 200])
def test_a_name_that_is_no_name(archive: Archive, run: Path, name: str) -> None:
    assert "--name" in refusal_of_adding(archive, run, name=name)


def test_a_folder_that_is_not_there(archive: Archive, project: Path) -> None:
    assert "no such folder" in refusal_of_adding(archive, project / "results" / "typo")
    assert not archive.home.exists()


def test_a_folder_that_is_no_run(archive: Archive, run: Path) -> None:
    assert "results: not a run; a run is a study of raytrain.tune" in refusal_of_adding(archive, run.parent)
    assert not archive.home.exists()


def test_a_file(archive: Archive, run: Path) -> None:
    assert "fit.json: not a folder" in refusal_of_adding(archive, run / "fit.json")


def test_a_path_outside_the_project(archive: Archive, tmp_path: Path) -> None:
    run = make_fit(tmp_path / "elsewhere" / "run")
    assert f"outside {archive.project}; name a run below it, or say --outside" in refusal_of_adding(archive, run)


def test_a_path_inside_the_archive(archive: Archive, run: Path) -> None:
    archive.add(run, why=WHY)
    assert "lies in the archive" in refusal_of_adding(archive, archive.home / "run", name="again")


def test_a_folder_that_holds_the_archive(project: Path) -> None:
    make_fit(project / "run")
    inside = Archive(project / "run" / "archive")
    assert "holds the archive itself" in refusal_of_adding(inside, project / "run", outside=True)


def test_a_link_to_a_run(archive: Archive, run: Path) -> None:
    (run.parent / "latest").symlink_to("run")
    assert "latest: a link to run; name the folder itself" in refusal_of_adding(archive, run.parent / "latest")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../elsewhere", "checkpoints/../../x"])
def test_a_link_that_leads_out_of_the_run(archive: Archive, run: Path, target: str) -> None:
    (run / "link").symlink_to(target)
    assert f"link: a link to {target}, outside the run" in refusal_of_adding(archive, run)


def test_a_run_with_a_manifest_of_its_own(archive: Archive, run: Path) -> None:
    (run / "MANIFEST.json").write_text("{}")
    assert "MANIFEST.json: the archive writes a file of this name" in refusal_of_adding(archive, run)


def test_no_reason(archive: Archive, run: Path) -> None:
    assert "--why: empty" in refusal_of_adding(archive, run, why="  ")


def test_a_run_whose_lock_a_live_study_holds(archive: Archive, run: Path) -> None:
    with (run / "study.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 1 on a-machine")
        lock.flush()
        assert "in use, study.lock is held; wait until it has ended" in refusal_of_adding(archive, run)


def test_a_lock_that_nobody_holds_is_archived_as_it_is(archive: Archive, run: Path) -> None:
    (run / "study.lock").write_text("process 1 on a-machine")
    archive.add(run, why=WHY)
    assert (archive.home / "run" / "study.lock").read_text() == "process 1 on a-machine"


def test_a_run_that_another_process_is_writing(archive: Archive, run: Path) -> None:
    code = f"file = open({str(run / 'metrics.csv')!r}, 'w'); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        writer.stdout.readline()
        assert f"process {writer.pid} is writing {run / 'metrics.csv'}" in refusal_of_adding(archive, run)
        writer.stdin.close()


def test_two_moves_at_once(archive: Archive, run: Path) -> None:
    archive.home.mkdir()
    with (archive.home / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another process moves a run here" in refusal_of_adding(archive, run)


def test_too_little_space_is_seen_before_copying(
    archive: Archive, other_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_fit(other_disk / "run")
    little = shutil.disk_usage(archive.project)._replace(free=2**20)
    monkeypatch.setattr(move.shutil, "disk_usage", lambda folder: little)
    assert "no space: 1.0 MiB are needed and 1.0 MiB are free" in refusal_of_adding(archive, run, outside=True)
    assert not (archive.home / "run").exists()


def test_a_disk_that_fills_up_while_copying_loses_nothing(archive: Archive, other_disk: Path) -> None:
    run = make_fit(other_disk / "run", weights_bytes=2**21)
    before = contents(run)
    archive.home.mkdir()
    # In a process of its own: a limit on a file's size is what the kernel lets us set without being root.
    code = (
        "import resource, signal, sys; from pathlib import Path; from raytrain.archive.store import Archive\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
        f"Archive(Path({str(archive.home)!r})).add(Path({str(run)!r}), why='full', outside=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "File too large; nothing was moved" in done.stderr
    assert contents(run) == before
    assert debris(archive.home, other_disk) == []
    assert archive.verify() == {}


def test_a_restore_over_something(archive: Archive, run: Path) -> None:
    archive.add(run, why=WHY)
    run.mkdir()
    (run / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="run: exists; move it away, or name another folder with --to"):
        archive.restore("run")
    assert archive.verify() == {"run": []}


def test_a_restore_into_the_archive(archive: Archive, run: Path) -> None:
    archive.add(run, why=WHY)
    with pytest.raises(InputError, match="lies in the archive"):
        archive.restore("run", to=archive.home / "run" / "copy")


def test_a_name_that_is_not_archived_lists_what_is(archive: Archive, run: Path) -> None:
    archive.add(run, why=WHY)
    with pytest.raises(InputError, match="typo: not in the archive; there is: run"):
        archive.restore("typo")


def test_a_source_that_changed_after_the_archive_was_whole_is_kept(
    archive: Archive, other_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_fit(other_disk / "run")
    told: list[str] = []
    archive = Archive(archive.home, say=told.append)

    def rename_then_write(source: Path, target: Path) -> None:
        files.move(source, target)
        (run / "late.txt").write_text("written by somebody while the copy arrived")

    monkeypatch.setattr(move, "rename", rename_then_write)
    archive.add(run, why=WHY, outside=True)
    assert (run / "late.txt").exists()
    assert archive.verify() == {"run": []}
    assert "changed since" in told[-1]


def test_a_pipe_among_the_files(archive: Archive, run: Path) -> None:
    os.mkfifo(run / "pipe")
    assert "pipe: neither a file, a folder nor a link; remove it, then archive" in refusal_of_adding(archive, run)
