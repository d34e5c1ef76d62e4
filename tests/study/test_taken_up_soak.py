"""A study on S3 whose driver's disk is lost after two of its three trials: the third is what it would have been."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto_server import place, s3_at_hand
from studies_on_s3 import searched, study_on_s3

from raytrain.study.opening import changed, find_study
from raytrain.study.study import Study
from raytrain.trial.inputs import inputs_of
from raytrain.trial.mirror import copy_small_files
from raytrain.trial.taken_up import take_up

pytestmark = pytest.mark.soak
STORAGE = "s3://lost/soak"


@pytest.fixture(scope="module")
def s3(ray_cluster: None) -> Iterator[None]:
    with s3_at_hand("lost", at=place()):
        yield


def test_a_study_whose_folder_is_lost_goes_on_as_it_would_have(s3: None, tiny_en: Path, tmp_path: Path) -> None:
    undisturbed = searched(study_on_s3(tmp_path / "undisturbed", tiny_en, storage=STORAGE, trials=3))
    first = study_on_s3(tmp_path / "lost", tiny_en, storage=STORAGE, trials=2)
    searched(first)
    copy_small_files(first.folder, first.remote or "")
    shutil.rmtree(first.folder)
    folder = take_up(first.remote or "", home=tmp_path / "again", quiet_s=0.0)
    folder, description = find_study(os.fspath(folder))
    description = changed(folder, description, [], trials=3)
    study = Study(folder=folder, description=description, inputs=inputs_of(description.baseline))
    assert searched(study) == undisturbed
    best = min(study.history.records, key=lambda one: one.eval_wer or 1.0)
    assert (folder / (best.checkpoint or "") / "model.safetensors").is_file()
