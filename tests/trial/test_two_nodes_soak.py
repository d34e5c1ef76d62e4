"""Two workers on two machines: the step that they take together is that of one worker with both their batches."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.soak
STATE = "training_state.pt"


@pytest.fixture(scope="module")
def told(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    script = Path(__file__).with_name("two_nodes.py")
    ended = subprocess.run(
        [sys.executable, script, tiny_en, tmp_path_factory.mktemp("nodes")],
        env=os.environ, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def moments(run: dict[str, Any]) -> dict[int, torch.Tensor]:
    """Adam's first moments after one step, by parameter: a tenth of each gradient."""
    state = torch.load(Path(run["checkpoint"]) / STATE, weights_only=True)
    return {number: one["exp_avg"].double() for number, one in state["optimizer"]["state"].items()}


def test_each_of_two_workers_is_on_a_machine_of_its_own(told: dict[str, Any]) -> None:
    assert (len(told["runs"]["1"]["nodes"]), len(told["runs"]["2"]["nodes"])) == (1, 2)


def test_together_they_have_the_gradient_of_one(told: dict[str, Any]) -> None:
    """To float32's rounding, since a run has no more; without it the equality is proved in tests/training."""
    one, two = moments(told["runs"]["1"]), moments(told["runs"]["2"])
    assert one.keys() == two.keys()
    apart = sum(float(((one[key] - two[key]) ** 2).sum()) for key in one) ** 0.5
    length = sum(float((one[key] ** 2).sum()) for key in one) ** 0.5
    print(f"gradients apart by {apart / length:.2e} of their length")
    assert length > 0
    assert apart / length < 1e-4
