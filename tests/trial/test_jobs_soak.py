"""`ray job submit`, as the page on clusters has it: a study to its end, one that is stopped, and what is not right."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from real_doors import training_in

from raytrain.results.ledger import Ledger

pytestmark = pytest.mark.soak
CHECKOUT = Path(__file__).parents[2]
TUNE = (
    "python", "-m", "raytrain.tune", "--baseline", "tiny", "--space", "smoke", "--trials", "2",
    "training.num_epochs=null", "evaluation.max_utterances=8", "tracking.wandb=disabled", "search.finalists=0",
    "scheduler.name=none",
)  # fmt: skip
WITH_TIME_TO_SAVE = ("--runtime-env-json", '{"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": "20"}}')


@dataclass(frozen=True)
class Head:
    """A cluster's, from outside."""

    jobs: str
    address: str
    environment: dict[str, str] = field(repr=False)

    def job(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`ray job`, typed in a checkout."""
        command = [str(Path(sys.executable).with_name("ray")), "job", verb, "--address", self.jobs, *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=900, check=False
        )


@pytest.fixture(scope="module")
def head(tiny_en: Path) -> Iterator[Head]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environment = os.environ | token | {"PATH": path, "RAYTRAIN_MODELS": str(tiny_en.parent)}
    script = Path(__file__).with_name("cluster_here.py")
    with subprocess.Popen(
        [sys.executable, script], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as cluster:
        assert cluster.stdout is not None
        yield Head(**json.loads(cluster.stdout.readline()), environment=environment)
        cluster.communicate()


def soon(found: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + 200
    while not found():
        assert time.monotonic() < ends_s
        time.sleep(0.2)


def test_a_study_runs_to_its_end_and_leaves_its_folder_where_it_was_told(head: Head, tmp_path: Path) -> None:
    submitted = ("--working-dir", ".", "--", *TUNE, "training.max_steps=2", "budget.examples=24")
    ended = head.job("submit", *submitted, f"storage={tmp_path}")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (study,) = tmp_path.iterdir()
    assert [str(one.outcome) for one in Ledger(study).read()] == ["completed", "completed"]
    assert (study / "report.html").is_file()
    assert f"{study}" in ended.stdout


def test_one_that_is_stopped_saves_where_it_stands_and_says_how_to_go_on(head: Head, tmp_path: Path) -> None:
    options = ("--no-wait", "--submission-id", "stopped", *WITH_TIME_TO_SAVE, "--working-dir", ".")
    head.job("submit", *options, "--", *TUNE, "training.max_steps=500", "budget.examples=null", f"storage={tmp_path}")
    soon(lambda: training_in(tmp_path, examples_seen=1) is not None)
    head.job("stop", "stopped")
    (study,) = tmp_path.iterdir()
    assert f"python -m raytrain.tune --resume {study}" in head.job("logs", "stopped").stdout
    assert list(study.glob("ray/*/step-*-unscored/model.safetensors"))


def test_what_is_not_right_is_told_in_the_job_s_own_lines(head: Head) -> None:
    ended = head.job("submit", "--working-dir", ".", "--", *TUNE, "training.max_steps=2", "training.batch_sise=4")
    assert ended.returncode == 1
    assert "override training.batch_sise=4: unknown key; did you mean 'batch_size'?" in ended.stdout


def test_without_its_token_a_cluster_is_refused_in_a_line(head: Head) -> None:
    without = {name: value for name, value in head.environment.items() if not name.startswith("RAY_AUTH_")}
    ended = subprocess.run(
        [*TUNE, "training.max_steps=2", "--address", head.address],
        env=without,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 2
    said = ended.stderr.splitlines()[-1]  # Ray's own line may come before it
    assert said.startswith(f"--address {head.address}: the cluster lets nobody in without its token; set RAY_")
