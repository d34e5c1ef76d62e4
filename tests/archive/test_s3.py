"""Weights on S3, the rest here; against an S3 on the loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import WHY, contents, debris, make_fit
from s3_server import Server, serving

from raytrain.archive import move
from raytrain.archive.store import Archive
from raytrain.errors import Damaged, InputError
from raytrain.files.s3 import RemoteFolder

WEIGHTS = "checkpoints/step-001500/model.safetensors"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving("kept") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        yield server


@pytest.fixture
def run(project: Path) -> Path:
    return make_fit(project / "results" / "run", weights_bytes=12 * 2**20)


def test_weights_go_to_s3_and_what_people_read_stays(archive: Archive, run: Path, s3: Server) -> None:
    weights = (run / WEIGHTS).read_bytes()
    manifest = archive.add(run, why=WHY, to="s3://kept/runs/")
    assert manifest.remote == "s3://kept/runs/run"
    assert s3.objects[f"kept/runs/run/{WEIGHTS}"] == weights
    assert not (archive.home / "run" / WEIGHTS).exists()
    assert (archive.home / "run" / "tensorboard" / "events.out.tfevents.1.host").exists()
    assert not run.exists()
    assert archive.verify() == {"run": []}


def test_restore_fetches_them_and_leaves_no_object(archive: Archive, run: Path, s3: Server) -> None:
    before = contents(run)
    archive.add(run, why=WHY, to="s3://kept/runs")
    archive.restore("run")
    assert contents(run) == before
    assert [name for name in s3.objects if "run/" in name.removeprefix("kept/runs/")] == []
    assert archive.names() == []


def test_verify_reads_every_byte_there(archive: Archive, run: Path, s3: Server) -> None:
    archive.add(run, why=WHY, to="s3://kept/runs")
    name = f"kept/runs/run/{WEIGHTS}"
    s3.objects[name] = s3.objects[name][:-1] + b"?"
    assert archive.verify("run") == {"run": [f"s3://{name}: its bytes are not those that were archived"]}
    s3.objects[name] = b"short"
    assert archive.verify("run") == {"run": [f"s3://{name}: 5 bytes, {12 * 2**20} were archived"]}
    del s3.objects[name]
    s3.objects["kept/runs/run/mine.bin"] = b"mine"
    assert archive.verify("run") == {
        "run": [f"s3://{name}: missing", "s3://kept/runs/run/mine.bin: not archived with the run"]
    }


def test_a_copy_that_s3_garbles_moves_nothing(
    archive: Archive, run: Path, s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(run)
    monkeypatch.setattr(RemoteFolder, "sha256_of", lambda self, path: "0" * 64)
    with pytest.raises(Damaged, match="S3 hands out other bytes than were sent; nothing was moved"):
        archive.add(run, why=WHY, to="s3://kept/runs")
    assert contents(run) == before
    assert not any(name.endswith("safetensors") for name in s3.objects)
    assert debris(archive.home, run.parent) == []


def test_objects_that_lie_there_already_are_left_alone(archive: Archive, run: Path, s3: Server) -> None:
    s3.objects["kept/runs/run/somebody.bin"] = b"theirs"
    with pytest.raises(InputError, match="s3://kept/runs/run: objects lie there already"):
        archive.add(run, why=WHY, to="s3://kept/runs")
    assert run.exists()
    assert s3.objects == {"kept/runs/run/somebody.bin": b"theirs"}


def test_a_bucket_that_is_not_there(archive: Archive, run: Path, s3: Server) -> None:
    with pytest.raises(InputError, match="there is no bucket typo; make it, or name another"):
        archive.add(run, why=WHY, to="s3://typo/runs")
    assert run.exists()


def test_a_place_that_is_not_on_s3(archive: Archive, run: Path) -> None:
    with pytest.raises(InputError, match="not a place on S3; write s3://bucket/prefix"):
        archive.add(run, why=WHY, to="/mnt/backup")
    assert run.exists()


def test_an_interrupted_move_is_ended_once_s3_is_back(
    archive: Archive, run: Path, s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(run)
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr(move, "let_write", kill)
        with pytest.raises(Killed):
            archive.add(run, why=WHY, to="s3://kept/runs")
    assert f"kept/runs/run/{WEIGHTS}" in s3.objects
    with pytest.MonkeyPatch.context() as away:
        away.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        told: list[str] = []
        Archive(archive.home, say=told.append).recover()
        assert "an interrupted move of run cannot be ended yet" in told[0]
    assert contents(run) == before
    archive.add(run, why=WHY, to="s3://kept/runs")
    assert archive.verify() == {"run": []}


class Killed(BaseException):
    """Ends the work where it stands, as a kill does: nothing tidies up."""


def kill(*_: object) -> None:
    raise Killed
