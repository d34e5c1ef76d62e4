"""A study whose folder is lost: what its copies on S3 bring back, and when they are left where they are."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ended_trials import record
from moto_server import s3_at_hand

from raytrain.config.reader import load_baseline, load_space
from raytrain.errors import InputError
from raytrain.files import write_json, write_sums
from raytrain.files.s3 import RemoteFolder
from raytrain.results.clock import Clock
from raytrain.results.description import Description
from raytrain.study.history import History
from raytrain.study.opening import find_study
from raytrain.trial.mirror import LARGE, copy_small_files
from raytrain.trial.taken_up import take_up

URL = "s3://lost/here/study"
CHECKPOINT = "ray/trial-0000/step-000002"


@pytest.fixture
def requests() -> Iterator[list[str]]:
    with s3_at_hand("lost") as found:
        yield found


@pytest.fixture
def lost(requests: list[str], tmp_path: Path) -> dict[str, bytes]:
    """What there was in the folder of a study with a trial that ended and one that runs, before it was lost."""
    folder = tmp_path / "lost" / "study"
    checkpoint = folder / CHECKPOINT
    checkpoint.mkdir(parents=True)
    baseline = load_baseline("tiny", ["storage=s3://lost/here"])
    space = load_space("smoke", [], baseline=baseline)
    description = Description(baseline_name="tiny", baseline=baseline, space_name="smoke", space=space)
    description.write(folder)
    history = History(folder, description)
    with Clock(folder).running():
        history.start(history.axes.baseline_sample)
        history.end(record(0, baseline, eval_wer=0.3, checkpoint=CHECKPOINT))
        history.start({"training.learning_rate": 1e-5})
    (folder / "transcripts").mkdir()
    (folder / "transcripts" / "trial-0000.jsonl").write_text("{}\n")
    (folder / "optuna.db").write_bytes(b"made anew")
    for name in (*LARGE, "config.json"):
        (checkpoint / name).write_bytes(name.encode())
    write_sums(checkpoint)
    copy_small_files(folder, URL)
    there = RemoteFolder(URL)
    for path in checkpoint.iterdir():
        there.put(f"{CHECKPOINT}/{path.name}", path)
        if path.name in LARGE:
            path.unlink()
    (folder / "optuna.db").unlink()
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    shutil.rmtree(folder)
    return found


def taken_up(tmp_path: Path, url: str = URL, *, quiet_s: float = 0.0) -> Path:
    return take_up(url, home=tmp_path / "results", quiet_s=quiet_s)


def test_every_file_comes_back_but_what_is_large_or_made_anew(lost: dict[str, bytes], tmp_path: Path) -> None:
    folder = taken_up(tmp_path)
    assert folder == tmp_path / "results" / "study"
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == lost


def test_the_trial_that_ran_is_the_one_to_go_on_with(lost: dict[str, bytes], tmp_path: Path) -> None:
    folder, description = find_study(str(taken_up(tmp_path)))
    history = History(folder, description)
    assert ([one.number for one in history.records], [one.number for one in history.unfinished()]) == ([0], [1])


def test_a_line_that_was_being_copied_is_left_out(lost: dict[str, bytes], tmp_path: Path) -> None:
    RemoteFolder(URL).write("trials.jsonl", lost["trials.jsonl"][:-20])
    folder, description = find_study(str(taken_up(tmp_path)))
    assert [one.number for one in History(folder, description).unfinished()] == [0, 1]


def test_a_checkpoint_that_was_freed_is_not_asked_for(lost: dict[str, bytes], tmp_path: Path) -> None:
    RemoteFolder(URL).delete_below("ray/trial-0000")
    assert not (taken_up(tmp_path) / "ray").exists()


def test_a_folder_that_is_here_is_not_replaced(lost: dict[str, bytes], tmp_path: Path) -> None:
    folder = taken_up(tmp_path)
    (folder / "trials.jsonl").write_text("newer")
    with pytest.raises(InputError, match=f"its own folder is here, and newer than .*; --resume {folder}"):
        taken_up(tmp_path)
    assert (folder / "trials.jsonl").read_text() == "newer"


def test_a_study_that_runs_is_left_alone_and_one_that_stands_still_is_not(
    lost: dict[str, bytes], tmp_path: Path
) -> None:
    def ticks(seconds: float) -> None:
        line = f'{{"start": 1, "at": "{(datetime.now(UTC) + timedelta(0, seconds)).isoformat()}", "ran_s": 60.0}}\n'
        RemoteFolder(URL).write("clock.jsonl", lost["clock.jsonl"] + line.encode())

    with pytest.raises(InputError, match="another process runs it"):
        take_up(URL, home=tmp_path / "results", wait=ticks)
    assert not (tmp_path / "results").exists()
    waited: list[float] = []
    take_up(URL, home=tmp_path / "results", wait=waited.append)
    assert len(waited) == 1


@pytest.mark.parametrize(
    ("url", "fact"),
    [
        ("s3://lost", "a bucket; name the study in it"),
        ("s3://lost/here/nothing", "holds neither study.json nor fit.json"),
        ("s3://nowhere/here/study", "nowhere"),
        ("gs://lost/here/study", "not a place on S3"),
    ],
)
def test_what_is_no_study_on_s3_is_refused_in_a_line(requests: list[str], tmp_path: Path, url: str, fact: str) -> None:
    with pytest.raises(InputError, match=fact):
        taken_up(tmp_path, url)
    assert not list(tmp_path.glob("results/*"))


def test_copies_that_were_moved_are_refused_since_its_checkpoints_are_looked_for_where_they_were(
    lost: dict[str, bytes], tmp_path: Path
) -> None:
    for name, content in lost.items():
        RemoteFolder("s3://lost/moved/study").write(name, content)
    with pytest.raises(InputError, match=f"was kept at {URL}"):
        taken_up(tmp_path, "s3://lost/moved/study")
    assert not list(tmp_path.glob("results/*"))


def test_a_checkpoint_that_was_damaged_there_is_told_and_nothing_is_left_here(
    lost: dict[str, bytes], tmp_path: Path
) -> None:
    write_json(tmp_path / "other.json", {"other": "bytes"})
    RemoteFolder(URL).put(f"{CHECKPOINT}/config.json", tmp_path / "other.json")
    with pytest.raises(InputError, match="its bytes are not those that were written"):
        taken_up(tmp_path)
    assert not list(tmp_path.glob("results/*"))
