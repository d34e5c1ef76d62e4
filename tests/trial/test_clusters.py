"""The files for more than one machine are what those who read them take: bash, Slurm and Ray's launcher."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
CLUSTERS = REPOSITORY / "raytrain" / "trial" / "clusters"
TOOLS = {
    "scontrol": "echo localhost",
    "srun": 'while [[ $1 == --* ]]; do shift; done; SLURM_NODEID=0 exec "$@"',
    "ray": 'echo "$RAY_AUTH_MODE $*" > ray; trap "echo ended > ended; exit 1" TERM; while :; do sleep 0.05; done',
    "python": """case $* in
        *secrets*) echo one ;;
        *ray.nodes*) [ -e ray ] ;;
        *) mkdir -p "$RAY_TMPDIR"; echo "$*" > study; trap "exit 130" TERM; for i in {1..600}; do sleep 0.05; done ;;
    esac""",
}
"""Stand-ins for Slurm's commands, Ray and the study, each of which writes down how it was called."""


@pytest.fixture(scope="module")
def launched() -> dict[str, Any]:
    """The file for Ray's launcher, as that reads it."""
    found: dict[str, Any] = yaml.safe_load((CLUSTERS / "cluster.yaml").read_text())
    return found


def test_bash_reads_the_slurm_script() -> None:
    subprocess.run(["bash", "-n", CLUSTERS / "slurm.sh"], check=True)


@pytest.fixture
def submitted(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """The script as a batch job of one node, once its study runs."""
    (tmp_path / "bin").mkdir()
    for name, text in TOOLS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    of_slurm = {"JOB_ID": f"{os.getpid()}", "JOB_NODELIST": "localhost", "JOB_NUM_NODES": "1", "CPUS_PER_TASK": "3"}
    environment = {f"SLURM_{name}": value for name, value in of_slurm.items()}
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        ["bash", CLUSTERS / "slurm.sh", "--space", "a b"], cwd=tmp_path, text=True,
        env=os.environ | environment | {"PATH": path, "TMPDIR": str(tmp_path)},
    ) as job:  # fmt: skip
        soon((tmp_path / "study").exists)
        yield job
        shutil.rmtree(f"/tmp/ray-{os.getpid()}", ignore_errors=True)


def soon(found: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + 60
    while not found():
        assert time.monotonic() < ends_s
        time.sleep(0.05)


def test_slurm_s_warning_reaches_the_study_whose_status_is_the_job_s(
    submitted: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    submitted.send_signal(signal.SIGTERM)
    assert submitted.wait(timeout=60) == 130
    assert (tmp_path / "ended").exists()  # Ray, after the study
    assert not Path(f"/tmp/ray-{os.getpid()}").exists()


def test_the_study_runs_with_what_was_asked_on_a_cluster_of_the_job_s_own_token(
    submitted: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    port = 20_000 + os.getpid() % 12_000
    study, ray = ((tmp_path / name).read_text() for name in ("study", "ray"))
    submitted.send_signal(signal.SIGTERM)
    assert study == f"-m raytrain.tune --address localhost:{port} --space a b\n"
    assert ray == f"token start --head --port={port} --num-cpus=3 --disable-usage-stats --block\n"


def test_ray_s_launcher_takes_its_file(launched: dict[str, Any]) -> None:
    """In a process of its own: what Ray imports for it changes how this one reaches a cluster by gRPC."""
    script = (
        "import sys, json; from ray.autoscaler._private.util import prepare_config, validate_config; "
        "validate_config(prepare_config(json.load(sys.stdin)))"
    )
    told = json.dumps(launched)
    taken = subprocess.run([sys.executable, "-c", script], input=told, capture_output=True, text=True, timeout=120)
    assert taken.returncode == 0, taken.stderr


def test_what_is_sent_to_machines_is_in_a_checkout_and_no_environment_of_it(launched: dict[str, Any]) -> None:
    sent = {target: REPOSITORY / source for target, source in launched["file_mounts"].items()}
    assert (sent["~/raytrain"] / "constraints.txt").is_file()
    (filtered,) = launched["rsync_filter"]
    assert ".venv/" in (REPOSITORY / filtered).read_text().splitlines()


def test_as_many_machines_are_there_as_trials_run_at_once(launched: dict[str, Any]) -> None:
    from raytrain.config.reader import load_baseline, load_space

    at_once = load_space("batching", [], baseline=load_baseline("small", [])).search.max_concurrent
    assert launched["available_node_types"]["card"]["min_workers"] == at_once


def test_the_image_is_none_of_ray_s_own(launched: dict[str, Any]) -> None:
    """Ray names those of Ubuntu 18.04, on which neither torch's wheels nor an L4's driver start."""
    images = {kind["node_config"]["ImageId"] for kind in launched["available_node_types"].values()}
    assert [image for image in images if not image.startswith("resolve:ssm:/aws/service/deeplearning/")] == []
