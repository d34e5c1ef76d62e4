"""A fit whose checkpoints are kept on S3: the same as one in a folder, and gone on with from what lies there."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto_server import S3, place, s3_at_hand

from raytrain.config.reader import load_baseline
from raytrain.errors import ClusterLost
from raytrain.files.s3 import RemoteFolder
from raytrain.results.description import Description, read_description
from raytrain.trial.fit import fit
from raytrain.trial.inputs import inputs_of
from raytrain.trial.taken_up import take_up

COMMON = (
    "training.max_steps=2", "training.checkpoint_every_steps=1", "training.precision=fp32", "training.keep_best=2",
    "training.batch_size=2", "evaluation.every_steps=1", "evaluation.max_utterances=1", "tracking.wandb=disabled",
    "tracking.tensorboard=false", "scaling.use_gpu=false", "storage=s3://runs/here",
)  # fmt: skip


@pytest.fixture(scope="module")
def asked() -> Iterator[S3]:
    with s3_at_hand("runs", at=place()) as requests:
        yield requests


@pytest.fixture(scope="module")
def trained(
    asked: list[str], ray_cluster: None, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    config = load_baseline("tiny", [*COMMON, f"model.pretrained={tiny_en}"])
    folder = tmp_path_factory.mktemp("fit")
    inputs = inputs_of(config)
    description = Description(baseline_name="tiny", baseline=config, data=inputs.described())
    return folder, dict(fit(description, folder=folder, inputs=inputs))


def on_s3(folder: Path) -> dict[str, int]:
    return RemoteFolder(f"s3://runs/here/{folder.name}").sizes()


def test_it_ends_with_its_latest_checkpoint_here(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, result = trained
    assert (result["outcome"], result["checkpoint"]) == ("completed", "checkpoints/step-000002")
    assert (folder / result["checkpoint"] / "model.safetensors").is_file()


def test_all_its_checkpoints_and_a_copy_of_what_is_small_lie_on_s3(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = trained
    there = on_s3(folder)
    assert {name.split("/")[1] for name in there if name.startswith("checkpoints/step-")} == {
        "step-000001",
        "step-000002",
    }
    there_told = json.loads(RemoteFolder(f"s3://runs/here/{folder.name}").read("fit.json") or b"")
    assert there_told == json.loads((folder / "fit.json").read_text())


def test_one_whose_folder_is_lost_goes_on_from_what_lies_there_to_the_same_end(
    trained: tuple[Path, dict[str, Any]],
) -> None:
    lost, first = trained
    before = (lost / first["checkpoint"] / "model.safetensors").read_bytes()
    shutil.rmtree(lost)
    RemoteFolder(f"s3://runs/here/{lost.name}").delete_below("checkpoints/step-000002")
    folder = take_up(f"s3://runs/here/{lost.name}", home=lost.parent)
    description = read_description(folder)
    again = fit(description, folder=folder, inputs=inputs_of(description.baseline))
    assert (again["outcome"], [row["step"] for row in again["history"]]) == ("completed", [0, 1, 2])
    assert (folder / again["checkpoint"] / "model.safetensors").read_bytes() == before


def test_a_bucket_without_room_ends_a_fit_in_its_words_and_with_room_it_goes_on(
    asked: S3, ray_cluster: None, tiny_en: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    config = load_baseline("tiny", [*COMMON, f"model.pretrained={tiny_en}"])
    inputs = inputs_of(config)
    description = Description(baseline_name="tiny", baseline=config, data=inputs.described())
    with asked.full(), pytest.raises(ClusterLost, match=r"^s3://runs/here/\S+: .*XMinioStorageFull"):
        fit(description, folder=tmp_path / "full", inputs=inputs)
    assert fit(description, folder=tmp_path / "full", inputs=inputs)["outcome"] == "completed"
