"""What tracking costs: a study waits for nothing, a trial takes at most 0.3 s of a core, and a step nothing."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from wandb_client import environment
from wandb_server.server import WandbServer

from raytrain.benchmarks.overhead import LIMIT_S, ROWS, measure_steps
from raytrain.config.find import CHECKOUT


def bench(out: Path, mode: str, *, trials: int, **values: str) -> dict[str, Any]:
    """In a process of its own, since W&B's client keeps its server for the life of a process."""
    command = [sys.executable, "-m", "raytrain.bench", "overhead", "--wandb", mode, "--trials", str(trials)]
    done = subprocess.run(
        [*command, "--out", str(out), "--json"], env=environment(**values), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_offline_a_trial_costs_less_than_the_limit(tmp_path: Path) -> None:
    figures = bench(tmp_path / "out.json", "offline", trials=5)
    assert figures["tracking"]["trial_s"]["median"] < 0.01
    assert figures["tracking"]["cpu_s_per_trial"] < LIMIT_S


def test_a_step_pays_some_microseconds_for_telling_its_progress() -> None:
    assert measure_steps()["progress_us"] < 50


def test_online_without_a_server_the_bench_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "raytrain.bench", "overhead", "--wandb", "online", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


@pytest.mark.soak
def test_online_a_trial_costs_less_than_the_limit_and_arrives_whole() -> None:
    with WandbServer().serving() as server:
        out = CHECKOUT / "results" / "bench" / "soak-wandb-overhead.json"
        figures = bench(out, "online", trials=20, **server.environment)
        arrived = list(server.account.runs.values())
    assert figures["tracking"]["trial_s"]["median"] < 0.01
    assert figures["tracking"]["cpu_s_per_trial"] < LIMIT_S
    assert [(run.state, len(run.history)) for run in arrived] == [("finished", ROWS)] * 21
