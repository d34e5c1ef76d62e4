"""The Slurm script on two nodes: one study over both and nothing left of it; saved where it stands as time runs out."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from slurm_here import alone

from raytrain.results.ledger import Ledger

pytestmark = pytest.mark.soak
SMALL = (
    "--baseline", "tiny", "--space", "smoke", "--trials", "2", "training.num_epochs=null", "training.batch_size=4",
    "training.precision=fp32", "evaluation.max_utterances=2", "tracking.wandb=disabled", "tracking.tensorboard=false",
    "search.max_concurrent=2", "search.finalists=0", "scheduler.name=none", "budget.examples=null",
)  # fmt: skip


def submitted(folder: Path, *arguments: str, warned: bool = False) -> dict[str, Any]:
    """How a job of this script ended; skips where this machine lets nobody have networks of their own."""
    tried = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "--mount", "true"], check=False)
    if tried.returncode != 0:
        pytest.skip("this machine lets nobody have networks of their own")
    helpers = Path(__file__).parents[1] / "helpers"
    ended = subprocess.run(
        alone(str(folder), "warned" if warned else "", *SMALL, *arguments, f"storage={folder / 'runs'}"),
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(helpers), *filter(None, [os.environ.get("PYTHONPATH")])])},
        capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    print(told["said"], told["seconds"])
    return told


def test_one_study_runs_over_the_nodes_and_leaves_its_results_alone(tmp_path: Path) -> None:
    told = submitted(tmp_path, "training.max_steps=40")  # long enough for both to run at once
    assert told["status"] == 0, told["said"]
    (study,) = (tmp_path / "runs").iterdir()
    records = Ledger(study).read()
    assert sorted((one.number, str(one.outcome)) for one in records) == [(0, "completed"), (1, "completed")]
    assert {one.node for one in records} == {"node1", "node2"}
    assert (told["left"], told["files"]) == ([], [])


def test_before_its_time_is_over_a_study_saves_where_it_stands(tmp_path: Path) -> None:
    told = submitted(tmp_path, "training.max_steps=500", warned=True)
    (study,) = (tmp_path / "runs").iterdir()
    assert told["status"] == 130, told["said"]
    assert f"python -m raytrain.tune --resume runs/{study.name}" in told["said"].splitlines()
    assert list(study.glob("ray/*/step-*-unscored/model.safetensors"))
    assert (told["left"], told["files"]) == ([], [])
