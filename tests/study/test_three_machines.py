"""A study over three machines and an S3: what a machine that dies, or is taken away, leaves of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.soak


def searched(folder: Path, tiny_en: Path, disturbance: str) -> dict[str, Any]:
    folder.mkdir()
    helpers = Path(__file__).parents[1] / "helpers"
    ended = subprocess.run(
        [sys.executable, Path(__file__).with_name("three_machines.py"), tiny_en, folder, disturbance],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(helpers), *filter(None, [os.environ.get("PYTHONPATH")])])},
        capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


@pytest.fixture(scope="module")
def undisturbed(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return searched(tmp_path_factory.mktemp("machines") / "undisturbed", tiny_en, "none")


def test_each_machine_fetches_the_corpus_and_the_weights_once(undisturbed: dict[str, Any]) -> None:
    assert undisturbed["fetched"] == 2  # the three machines have one disk


def test_the_best_trial_s_weights_are_here_and_no_other_s(undisturbed: dict[str, Any]) -> None:
    assert len(undisturbed["weights"]) == 1


@pytest.mark.parametrize("disturbance", ["kill", "drain"])
def test_all_trials_end_once_as_they_would_have_without_a_machine_that_goes(
    disturbance: str, undisturbed: dict[str, Any], tiny_en: Path, tmp_path: Path
) -> None:
    told = searched(tmp_path / "study", tiny_en, disturbance)
    assert len(told["went"]) == 1
    assert len(told["saved_between"]) == (disturbance == "drain")  # within the notice; one that dies says nothing
    assert (told["numbers"], told["ledger"]) == ([0, 1, 2, 3, 4, 5], 6)
    assert (told["outcomes"], told["reasons"]) == (["completed"], [])
    assert (told["wers"], told["steps"]) == (undisturbed["wers"], undisturbed["steps"])
