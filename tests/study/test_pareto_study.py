"""A real study of a Pareto front by NSGA-II, with weights among its values in which a number is NaN: every batch is."""

import shutil
from pathlib import Path

import optuna
import pytest
import torch
from optuna.trial import TrialState
from safetensors.torch import load_file, save_file
from small_studies import small_study

from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.report import write_report
from raytrain.results.study_results import load_study
from raytrain.study.search import run_study
from raytrain.study.study import Study

BATCH, ACCUMULATION, WEIGHTS = "training.batch_size", "training.gradient_accumulation_steps", "model.pretrained"


@pytest.fixture(scope="module")
def poisoned(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a run that had diverged in half precision would have saved them."""
    folder = Path(shutil.copytree(tiny_en, tmp_path_factory.mktemp("weights") / "poisoned"))
    tensors = load_file(folder / "model.safetensors")
    tensors["model.encoder.conv1.weight"][0, 0, 0] = torch.nan
    (folder / "model.safetensors").unlink()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def study(ray_cluster: None, tiny_en: Path, poisoned: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One effective batch in two splits, of good weights and of poisoned ones."""
    return small_study(
        tmp_path_factory.mktemp("pareto"),
        tiny_en,
        baseline=("training.gradient_accumulation_steps=1", "scaling.use_gpu=false"),
        space=(
            f"vary={{{BATCH}: {{values: [2, 4]}}, {ACCUMULATION}: {{values: [1, 2]}}, "
            f"{WEIGHTS}: {{values: ['{tiny_en}', '{poisoned}']}}}}",
            "keep.effective_batch_size={low: 4, high: 4}",
            "search.objective=pareto",
            "search.sampler=nsga2",
            "search.trials=5",
            "search.finalists=0",
            "search.max_concurrent=1",
            "scheduler.first_rung_examples=8",
        ),
    )


@pytest.fixture(scope="module")
def records(study: Study) -> list[TrialRecord]:
    return run_study(study, on_end=lambda record: None)[0]


def test_poisoned_weights_end_as_diverged_and_the_study_goes_on(records: list[TrialRecord], poisoned: Path) -> None:
    lost = [record for record in records if record.config["model"]["pretrained"] == str(poisoned)]
    assert [record.outcome for record in lost] == [Outcome.DIVERGED] * 2
    assert all((record.reason or "").startswith("at step 1 the training loss is nan") for record in lost)
    assert [record.outcome for record in records if record not in lost] == [Outcome.COMPLETED] * 2


def test_the_other_split_of_the_baseline_is_on_the_map_for_its_memory_and_speed(records: list[TrialRecord]) -> None:
    (probed,) = [record for record in records if record.inherited_from is not None]
    assert (probed.config["training"]["batch_size"], probed.eval_wer) == (2, records[0].eval_wer)


def test_the_front_in_optuna_is_the_reports_and_holds_no_diverged_trial(
    records: list[TrialRecord], study: Study
) -> None:
    told = optuna.load_study(study_name=study.folder.name, storage=f"sqlite:///{study.folder / 'optuna.db'}")
    assert len(told.directions) == 3
    assert {trial.state for trial in told.trials} == {TrialState.COMPLETE}
    found = write_report(study.folder)
    assert {trial.number for trial in told.best_trials} == {one.number for one in found.front}
    assert {one.outcome for one in found.front} == {Outcome.COMPLETED}


def test_the_winner_is_one_that_trained(records: list[TrialRecord], study: Study) -> None:
    best = load_study(study.folder).best
    assert best is not None
    assert best.outcome is Outcome.COMPLETED
