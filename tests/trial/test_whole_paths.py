"""What a run writes down of paths means the same place wherever it is gone on with from."""

from pathlib import Path
from typing import Any

import pytest
from small_corpora import settings, spoken, write

import raytrain.fit
import raytrain.study.run_study
import raytrain.tune
from raytrain.config.reader import load_baseline, load_space
from raytrain.errors import Interrupted
from raytrain.results.description import Description
from raytrain.study.opening import refuse_another
from raytrain.study.study import Study

ASKED = ["model.pretrained=null", "data.train_manifest=m.jsonl", "storage=runs", "tracking.wandb=disabled"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a manifest in it."""
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "m.jsonl", spoken(tmp_path, "abcde")).parent


def paths(description: Description) -> tuple[str, str]:
    return description.baseline.data.train_manifest, description.baseline.storage


def test_a_fit_is_begun_with_them(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Description] = []
    monkeypatch.setattr(raytrain.fit, "_train", lambda description, inputs, **_: begun.append(description))
    monkeypatch.setattr("sys.argv", ["fit", "--config", "tiny", *ASKED])
    raytrain.fit._fit()
    assert [paths(one) for one in begun] == [(str(here / "m.jsonl"), str(here / "runs"))]


def test_a_study_is_begun_with_them(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Study] = []

    def stopped(study: Study, **_: Any) -> tuple[list[Any], bool]:
        begun.append(study)
        return [], True

    monkeypatch.setattr(raytrain.study.run_study, "run_study", stopped)
    monkeypatch.setattr("sys.argv", ["tune", "--baseline", "tiny", "--space", "smoke", *ASKED])
    with pytest.raises(Interrupted):
        raytrain.tune._tune()
    assert [paths(study.description) for study in begun] == [(str(here / "m.jsonl"), str(here / "runs"))]


def test_the_same_path_typed_again_is_no_other_baseline(here: Path) -> None:
    begun = settings(here / "m.jsonl", f"storage={here / 'runs'}")
    study = Description(baseline_name="tiny", baseline=begun, space=load_space("smoke", baseline=begun))
    refuse_another(here, study, baseline=load_baseline("tiny", ["data.validation_ratio=0.3", *ASKED[:3]]))
