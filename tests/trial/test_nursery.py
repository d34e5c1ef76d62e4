"""A fork trains as a process of its own would; it, its worker and its nursery end as they must."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Client
from pathlib import Path

import psutil
import pytest
from processes import command_line, descendants
from small_studies import small_study

from raytrain.errors import InputError
from raytrain.results.records import Outcome, Row
from raytrain.trial.forked import Order, trained_in_a_fork
from raytrain.trial.job import Job, Share
from raytrain.trial.nursery import nursery

_SHARE = Share(use_gpu=False, gpu_fraction=1.0, cpus=1, threads=1)
_ASKS = """
import pickle, sys
from pathlib import Path
from raytrain.trial.forked import trained_in_a_fork
job = pickle.loads(Path(sys.argv[1]).read_bytes())
trained_in_a_fork(job, Path(sys.argv[2]), report=lambda row, checkpoint: None, resume_from=None)
"""
_KEEPS_ONE = (
    "import time; from raytrain.trial.nursery import nursery\nwith nursery(): print(1, flush=True); time.sleep(60)"
)


@pytest.fixture(scope="module")
def forks() -> Iterator[Path]:
    with nursery() as socket:
        yield socket


def job_of(folder: Path, tiny_en: Path, *settings: str) -> Job:
    one_step = "training.max_steps=1", "evaluation.max_utterances=1", *settings
    study = small_study(folder, tiny_en, baseline=one_step, space=())
    return Job(
        config=study.baseline,
        whereabouts=study.inputs.whereabouts,
        storage=str(folder),
        name="run",
        share=_SHARE,
        keep_best=None,
        score_first=False,
    )


def endless_job(folder: Path, tiny_en: Path) -> Job:
    return job_of(folder, tiny_en, "training.max_steps=100000")


class Kept:
    """Rows as they come, and the weights of the last checkpoint."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.weights = b""

    def __call__(self, row: Row, checkpoint: Path | None) -> None:
        self.rows.append(row)
        if checkpoint is not None:
            self.weights = next(checkpoint.glob("*model.safetensors")).read_bytes()


def nurseries(of: int) -> list[psutil.Process]:
    """Those of this process; their forks have the same command line."""
    below = [psutil.Process(pid) for pid in descendants(of)[1:] if "-m raytrain.trial.nursery" in command_line(pid)]
    return [process for process in below if process.ppid() == of]


def until(holds: Callable[[], bool], *, within_s: float = 30) -> bool:
    ends_s = time.monotonic() + within_s
    while not (held := holds()) and time.monotonic() < ends_s:
        time.sleep(0.05)
    return held


def test_a_fork_comes_to_the_weights_that_this_process_comes_to(forks: Path, tiny_en: Path, tmp_path: Path) -> None:
    from raytrain.trial.training import train_here

    job, forked, here = job_of(tmp_path, tiny_en), Kept(), Kept()
    assert trained_in_a_fork(job, forks, report=forked, resume_from=None)
    train_here(job, report=here, first=True, resume_from=None)
    assert forked.rows[-1].outcome is Outcome.COMPLETED
    assert forked.rows[-1].train_loss == here.rows[-1].train_loss
    assert forked.weights == here.weights != b""


def test_a_nursery_for_adapters_has_imported_peft_before_the_first_of_them_trains(
    tiny_en: Path, tmp_path: Path
) -> None:
    job, kept = job_of(tmp_path, tiny_en, "model.adapter={rank: 4}"), Kept()
    others = nurseries(os.getpid())
    with nursery(adapters=True) as socket:
        assert trained_in_a_fork(job, socket, report=kept, resume_from=None)
        (process,) = set(nurseries(os.getpid())) - set(others)
        mapped = Path(f"/proc/{process.pid}/maps").read_text()
    assert kept.rows[-1].outcome is Outcome.COMPLETED
    assert "bitsandbytes" in mapped  # which peft imports


def test_a_fork_goes_on_from_a_checkpoint_to_the_same_weights(forks: Path, tiny_en: Path, tmp_path: Path) -> None:
    job = job_of(tmp_path, tiny_en, "training.max_steps=2", "training.checkpoint_every_steps=1")
    whole, resumed = Kept(), Kept()

    def keep(row: Row, checkpoint: Path | None) -> None:
        if checkpoint is not None and not (tmp_path / "first").exists():
            shutil.copytree(checkpoint, tmp_path / "first")
        whole(row, checkpoint)

    assert trained_in_a_fork(job, forks, report=keep, resume_from=None)
    assert trained_in_a_fork(job, forks, report=resumed, resume_from=tmp_path / "first")
    assert len(resumed.rows) < len(whole.rows)
    assert resumed.weights == whole.weights != b""


def test_what_training_raises_is_raised_here_by_its_class_and_words(forks: Path, tiny_en: Path, tmp_path: Path) -> None:
    job = job_of(tmp_path, tiny_en, "data.max_label_tokens=4")
    with pytest.raises(InputError, match=r"^training data: none of 0"):
        trained_in_a_fork(job, forks, report=Kept(), resume_from=None)


def test_a_nursery_has_one_thread_since_a_fork_has_no_other(forks: Path, tiny_en: Path, tmp_path: Path) -> None:
    with Client(str(forks), family="AF_UNIX") as talk:
        talk.send(Order.of(endless_job(tmp_path, tiny_en), resume_from=None))
        talk.recv()  # it has forked, and so has imported all it does
    (kept,) = nurseries(os.getpid())
    assert kept.num_threads() == 1


def test_without_a_nursery_nothing_is_done(tiny_en: Path, tmp_path: Path) -> None:
    assert not trained_in_a_fork(job_of(tmp_path, tiny_en), tmp_path / "none", report=Kept(), resume_from=None)


def test_a_fork_ends_with_its_worker(forks: Path, tiny_en: Path, tmp_path: Path) -> None:
    (kept,) = nurseries(os.getpid())
    with Client(str(forks), family="AF_UNIX") as talk:
        talk.send(Order.of(endless_job(tmp_path, tiny_en), resume_from=None))
        talk.recv()
        assert until(lambda: len(kept.children()) == 1)
    assert until(lambda: kept.children() == [], within_s=5)


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_worker_ends_with_its_fork_by_the_signal_that_ray_ends_workers_with(
    by: signal.Signals, forks: Path, tiny_en: Path, tmp_path: Path
) -> None:
    (tmp_path / "job").write_bytes(pickle.dumps(endless_job(tmp_path, tiny_en)))
    (kept,) = nurseries(os.getpid())
    soon = os.environ | {"RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S": "5"}
    with subprocess.Popen([sys.executable, "-c", _ASKS, str(tmp_path / "job"), str(forks)], env=soon) as worker:
        assert until(lambda: len(kept.children()) == 1)
        fork = kept.children()[0]
        time.sleep(1)  # it has said that it is there
        fork.send_signal(by)
        assert worker.wait(timeout=30) == -signal.SIGKILL
    assert until(lambda: not fork.is_running(), within_s=5)


def test_a_nursery_ends_with_its_study_however_that_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", _KEEPS_ONE], stdout=subprocess.PIPE) as study:
        assert study.stdout is not None
        study.stdout.readline()
        assert until(lambda: len(nurseries(study.pid)) == 1)  # begun, it has no command line yet for a moment
        (kept,) = nurseries(study.pid)
        study.kill()
    assert until(lambda: not kept.is_running() or kept.status() == psutil.STATUS_ZOMBIE, within_s=5)
