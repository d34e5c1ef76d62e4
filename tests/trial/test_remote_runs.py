"""Runs that are kept on S3: brought with every byte looked at, mended where something was removed, mirrored here."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto_server import S3, s3_at_hand

from raytrain.errors import ClusterLost, InputError
from raytrain.files import write_sums
from raytrain.files.s3 import RemoteFolder
from raytrain.trial import mirror as mirror_module
from raytrain.trial.mirror import LARGE, Mirror
from raytrain.trial.remote_runs import NOT_KEPT, RemoteRuns
from raytrain.trial.run_progress import RunProgress, read_progress
from raytrain.trial.storage import SNAPSHOT, latest_checkpoint

URL = "s3://runs/study"
NAMES = ("step-000002", "step-000004")


@pytest.fixture(scope="module")
def asked() -> Iterator[S3]:
    with s3_at_hand("runs") as requests:
        yield requests


@pytest.fixture
def runs(asked: list[str], tmp_path: Path) -> RemoteRuns:
    """A run of two checkpoints, as Ray Train leaves it."""
    there = RemoteFolder(f"{URL}/ray")
    there.delete_below("trial-0000")
    for name in NAMES:
        folder = tmp_path / "written" / name
        folder.mkdir(parents=True)
        for file in ("model.safetensors", "training_state.pt", "utterances.jsonl"):
            (folder / file).write_text(f"{name} {file}")
        write_sums(folder)
        for path in folder.iterdir():
            there.put(f"trial-0000/{name}/{path.name}", path)
    noted = [{"checkpoint_dir_name": name, "metrics": {"eval_wer": 0.5}} for name in NAMES]
    snapshot = {"checkpoint_results": noted, "checkpoint_report_indices": [0, 1], "latest_checkpoint_result": noted[1]}
    there.write(f"trial-0000/{SNAPSHOT}", json.dumps(snapshot | {"current_report_index": 2}).encode())
    return RemoteRuns(f"{URL}/ray")


def test_the_latest_is_the_one_that_ray_noted(runs: RemoteRuns) -> None:
    assert (runs.latest("trial-0000"), runs.latest("trial-0001")) == ("step-000004", None)


def test_a_checkpoint_that_s3_has_no_room_for_is_told_in_its_words(runs: RemoteRuns, asked: S3, tmp_path: Path) -> None:
    written = tmp_path / "step-000006"
    written.mkdir()
    (written / "model.safetensors").write_bytes(bytes(12 * 2**20))  # sent in parts
    write_sums(written)
    with asked.full(), pytest.raises(OSError, match="XMinioStorageFull") as raised:
        runs.send("trial-0000/step-000006", written)
    assert raised.value.errno == NOT_KEPT
    assert (raised.value.strerror or "").startswith(f"{URL}/ray: AWS Error")
    runs.send("trial-0000/step-000006", written)
    brought = runs.bring("trial-0000/step-000006", tmp_path / "brought")
    assert (brought / "model.safetensors").read_bytes() == bytes(12 * 2**20)


def test_a_whole_run_is_left_as_it_is(runs: RemoteRuns, asked: list[str]) -> None:
    asked.clear()
    runs.mend("trial-0000")
    assert not [one for one in asked if one.startswith(("PUT", "DELETE"))]


def test_a_checkpoint_of_which_a_file_was_removed_is_not_gone_on_from(
    runs: RemoteRuns, caplog: pytest.LogCaptureFixture
) -> None:
    RemoteFolder(f"{URL}/ray").remove("trial-0000/step-000004/training_state.pt")
    runs.mend("trial-0000")
    assert runs.latest("trial-0000") == "step-000002"
    assert "training_state.pt: missing; going on from step-000002" in caplog.text


def test_a_run_of_which_nothing_is_whole_begins_anew(runs: RemoteRuns) -> None:
    for name in NAMES:
        RemoteFolder(f"{URL}/ray").delete_below(f"trial-0000/{name}")
    runs.mend("trial-0000")
    assert runs.latest("trial-0000") is None


def test_a_checkpoint_is_brought_as_far_as_it_is_wanted(runs: RemoteRuns, tmp_path: Path) -> None:
    brought = runs.bring("trial-0000/step-000004", tmp_path / "here", but=LARGE)
    assert {path.name for path in brought.iterdir()} == {"utterances.jsonl", "SHA256SUMS"}


def test_bytes_that_are_others_are_refused_and_leave_nothing(runs: RemoteRuns, tmp_path: Path) -> None:
    RemoteFolder(f"{URL}/ray").write("trial-0000/step-000004/model.safetensors", b"other")
    with pytest.raises(InputError, match=r"model\.safetensors: its bytes are not those that were written"):
        runs.bring("trial-0000/step-000004", tmp_path / "here")
    assert not (tmp_path / "here").exists()


@pytest.fixture
def mirror(runs: RemoteRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setattr(mirror_module, "_EVERY_S", 0.05)
    monkeypatch.setattr(mirror_module, "_COPIES_EVERY_S", 0.1)
    folder = tmp_path / "study"
    (folder / "trials").mkdir(parents=True)
    (folder / "trials.jsonl").write_text("a trial\n")
    with Mirror(folder, url=URL, runs=folder / "ray", names=lambda: ["trial-0000"]).running() as running:
        yield running


def eventually(holds: Callable[[], bool]) -> bool:
    ends_s = time.monotonic() + 20
    while not holds() and time.monotonic() < ends_s:
        time.sleep(0.05)
    return holds()


def test_what_a_worker_tells_on_s3_is_read_here(mirror: Mirror, runs: RemoteRuns, tmp_path: Path) -> None:
    told = RunProgress(phase="training", examples_seen=8, examples_total=16)
    runs.tell_progress("trial-0000", told)
    assert eventually(lambda: read_progress(tmp_path / "study" / "ray" / "trial-0000") == told)


def test_a_request_to_stop_reaches_s3_and_is_withdrawn(mirror: Mirror, runs: RemoteRuns, tmp_path: Path) -> None:
    stop = tmp_path / "study" / "ray" / "stop"
    stop.touch()
    assert eventually(runs.is_asked_to_stop)
    stop.unlink()
    assert eventually(lambda: not runs.is_asked_to_stop())


def test_the_ledger_s_copy_follows_it(mirror: Mirror, tmp_path: Path) -> None:
    assert eventually(lambda: RemoteFolder(URL).read("trials.jsonl") == b"a trial\n")
    with (tmp_path / "study" / "trials.jsonl").open("a") as ledger:
        ledger.write("another\n")
    assert eventually(lambda: RemoteFolder(URL).read("trials.jsonl") == b"a trial\nanother\n")


def test_the_latest_checkpoint_is_brought_as_a_run_s_folder_holds_it(mirror: Mirror, tmp_path: Path) -> None:
    mirror.bring_latest("trial-0000")
    run = tmp_path / "study" / "ray" / "trial-0000"
    assert latest_checkpoint(run) == run / "step-000004"
    assert (run / "step-000004" / "training_state.pt").is_file()


def test_weights_are_brought_in_place_of_what_is_here_without_the_state(mirror: Mirror, tmp_path: Path) -> None:
    mirror.bring("trial-0000", "step-000004", but=LARGE)
    mirror.bring_weights("trial-0000", "step-000004")
    here = tmp_path / "study" / "ray" / "trial-0000" / "step-000004"
    assert {path.name for path in here.iterdir()} == {"model.safetensors", "utterances.jsonl", "SHA256SUMS"}
    assert "training_state.pt" not in (here / "SHA256SUMS").read_text()


def test_a_checkpoint_that_cannot_be_brought_ends_the_work_as_something_outside_of_it(
    mirror: Mirror, runs: RemoteRuns
) -> None:
    RemoteFolder(f"{URL}/ray").write("trial-0000/step-000004/model.safetensors", b"other")
    with pytest.raises(ClusterLost, match="its bytes are not those"):
        mirror.bring("trial-0000", "step-000004")
