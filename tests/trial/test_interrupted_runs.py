"""A real fit and study, each on a cluster of its own: who may reach it, and what the end of a job leaves of it."""

import signal
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest
from real_doors import FIT, TUNE, Door, Ended

SIGNALS = {"fit": (signal.SIGTERM,), "tune": (signal.SIGTERM, signal.SIGHUP)}
"""What docker sends; and what systemd does."""


@dataclass
class Interrupted:
    """What was seen of a run that the signals reached, with all its processes, as it trained."""

    door: str
    listened_at: set[str]
    folder: Path
    ended: Ended


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


@pytest.fixture(scope="module", params=["fit", "tune"])
def interrupted(request: pytest.FixtureRequest, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    door, storage = request.param, tmp_path_factory.mktemp("results")
    arguments = FIT if door == "fit" else TUNE
    with Door(*arguments, f"model.pretrained={tiny_en}", f"storage={storage}") as run:
        folder = run.until_it_trains(storage)
        listened_at = listening(run.all())
        return Interrupted(door, listened_at, folder, run.ended(*SIGNALS[door], to=run.all(), apart_s=0))


@pytest.mark.soak
def test_nobody_outside_of_this_machine_can_reach_a_cluster_of_our_own(interrupted: Interrupted) -> None:
    assert interrupted.listened_at
    assert outer(interrupted.listened_at) == set()


@pytest.mark.soak
def test_signals_to_all_processes_of_a_run_save_where_it_stands(interrupted: Interrupted) -> None:
    ended = interrupted.ended
    assert ended.status == 130, ended.said
    way_on = f"python -m raytrain.{interrupted.door} --resume {interrupted.folder}"
    assert ended.said.endswith(f"interrupted; to go on:\n{way_on}\n")
    assert ended.seconds < 10
    assert len(list(interrupted.folder.glob("**/step-*-unscored"))) == 1
    assert ended.left == []
