"""A study on S3 whose driver's disk is lost after two of its three trials: the third is what it would have been."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto_server import place, s3_at_hand
from small_studies import small_study

from raytrain.study.opening import changed, find_study
from raytrain.study.run_study import run_study
from raytrain.study.study import Study
from raytrain.trial.inputs import inputs_of
from raytrain.trial.mirror import copy_small_files
from raytrain.trial.taken_up import take_up

pytestmark = pytest.mark.soak
SPACE = (
    "vary={training.learning_rate: {low: 1e-6, high: 1e-3, log: true}}", "scheduler.name=none", "search.finalists=0",
    "search.max_concurrent=1", "search.worth_wer=null",
)  # fmt: skip


@pytest.fixture(scope="module")
def s3(ray_cluster: None) -> Iterator[None]:
    with s3_at_hand("lost", at=place()):
        yield


def ran(study: Study) -> dict[int, tuple[Any, float | None]]:
    records, _ = run_study(study, on_end=lambda record: None)
    return {one.number: (one.config.training.learning_rate, one.eval_wer) for one in records}


def asked(folder: Path, tiny_en: Path, *, trials: int) -> Study:
    folder.mkdir(parents=True)
    return small_study(
        folder, tiny_en,
        baseline=("storage=s3://lost/soak", "training.max_steps=2"), space=(*SPACE, f"search.trials={trials}"),
    )  # fmt: skip


def test_a_study_whose_folder_is_lost_goes_on_as_it_would_have(s3: None, tiny_en: Path, tmp_path: Path) -> None:
    undisturbed = ran(asked(tmp_path / "undisturbed", tiny_en, trials=3))
    first = asked(tmp_path / "lost", tiny_en, trials=2)
    ran(first)
    copy_small_files(first.folder, first.remote or "")
    shutil.rmtree(first.folder)
    folder = take_up(first.remote or "", home=tmp_path / "again", quiet_s=0.0)
    folder, description = find_study(os.fspath(folder))
    description = changed(folder, description, [], trials=3)
    study = Study(folder=folder, description=description, inputs=inputs_of(description.baseline))
    assert ran(study) == undisturbed
    best = min(study.history.records, key=lambda one: one.eval_wer or 1.0)
    assert (folder / (best.checkpoint or "") / "model.safetensors").is_file()
