"""A real fit and study, each on a cluster of its own: who may reach it, and what the end of a job leaves of it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

FIT = (
    "raytrain.fit", "--config", "tiny", "training.max_steps=200", "training.num_epochs=null",
    "training.checkpoint_every_steps=200", "training.batch_size=4", "training.precision=fp32",
    "evaluation.every_steps=200", "evaluation.max_utterances=2", "tracking.wandb=disabled",
    "tracking.tensorboard=false", "scaling.use_gpu=false",
)  # fmt: skip
TUNE = (
    "raytrain.tune", "--baseline", "tiny", "--trials", "3", "training.precision=fp32", "evaluation.max_utterances=2",
    "tracking.wandb=disabled", "tracking.tensorboard=false", "scaling.use_gpu=false",
)  # fmt: skip
SIGNALS = {"fit": (signal.SIGTERM,), "tune": (signal.SIGTERM, signal.SIGHUP)}
"""What docker sends; and what systemd does."""
LIMIT_S = 200


@dataclass
class Interrupted:
    """What was seen of a run that the signals reached, with all its processes, as it trained."""

    door: str
    listened_at: set[str]
    status: int
    said: str
    seconds: float
    folder: Path
    left: list[str]


def outer(addresses: set[str]) -> set[str]:
    plain = {address.removeprefix("::ffff:") for address in addresses}
    return {address for address in plain if not ip_address(address).is_loopback}


def listening(processes: list[psutil.Process]) -> set[str]:
    found = set()
    for process in processes:
        try:
            connections = process.net_connections("inet")
        except psutil.NoSuchProcess:
            continue
        found |= {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}
    return found


def until_it_trains(process: subprocess.Popen[str], storage: Path) -> Path:
    ends_s = time.monotonic() + LIMIT_S
    while time.monotonic() < ends_s:
        assert process.poll() is None, process.communicate()[1]
        for progress in storage.glob("**/progress.json"):
            if json.loads(progress.read_text())["phase"] == "training":
                return storage / progress.relative_to(storage).parts[0]
        time.sleep(0.1)
    raise TimeoutError


@pytest.fixture(scope="module", params=["fit", "tune"])
def interrupted(request: pytest.FixtureRequest, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    door, storage = request.param, tmp_path_factory.mktemp("results")
    command = [
        sys.executable, "-m", *(FIT if door == "fit" else TUNE), f"model.pretrained={tiny_en}", f"storage={storage}",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        folder = until_it_trains(run, storage)
        below = psutil.Process(run.pid).children(recursive=True)
        listened_at = listening([psutil.Process(run.pid), *below])
        began_s = time.monotonic()
        for process in [psutil.Process(run.pid), *below]:
            for number in SIGNALS[door]:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)
        said = run.communicate(timeout=60)[1]
        seconds = time.monotonic() - began_s
    _, alive = psutil.wait_procs(below, timeout=5)
    return Interrupted(door, listened_at, run.returncode, said, seconds, folder, [process.name() for process in alive])


@pytest.mark.soak
def test_nobody_outside_of_this_machine_can_reach_a_cluster_of_our_own(interrupted: Interrupted) -> None:
    assert interrupted.listened_at
    assert outer(interrupted.listened_at) == set()


@pytest.mark.soak
def test_signals_to_all_processes_of_a_run_save_where_it_stands(interrupted: Interrupted) -> None:
    assert interrupted.status == 130, interrupted.said
    way_on = f"python -m raytrain.{interrupted.door} --resume {interrupted.folder}"
    assert interrupted.said.endswith(f"interrupted; to go on:\n{way_on}\n")
    assert interrupted.seconds < 10
    assert len(list(interrupted.folder.glob("**/step-*-unscored"))) == 1
    assert interrupted.left == []
