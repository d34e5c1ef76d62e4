"""The files for more than one machine are what those who read them take: bash, and Ray's launcher."""

import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
CLUSTERS = REPOSITORY / "raytrain" / "trial" / "clusters"


@pytest.fixture(scope="module")
def launched() -> dict[str, Any]:
    """The file for Ray's launcher, as that reads it."""
    found: dict[str, Any] = yaml.safe_load((CLUSTERS / "cluster.yaml").read_text())
    return found


def test_bash_reads_the_slurm_script() -> None:
    subprocess.run(["bash", "-n", CLUSTERS / "slurm.sh"], check=True)


def test_ray_s_launcher_takes_its_file(launched: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(deepcopy(launched)))


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
