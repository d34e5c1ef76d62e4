"""A real study in which one effective batch is split in two ways: trained once, and once probed."""

from pathlib import Path

import optuna
import pytest
from small_studies import small_study

from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.transcripts import transcripts_path
from raytrain.study.search import run_study
from raytrain.study.study import Study

BATCH, ACCUMULATION = "training.batch_size", "training.gradient_accumulation_steps"
BASELINE = (
    "training.gradient_accumulation_steps=1", "training.max_steps=6", "model.dropout=0.0",
    "evaluation.max_utterances=3", "evaluation.batch_size=1", "scaling.use_gpu=false",
)  # fmt: skip
SPACE = (
    f"vary={{{BATCH}: {{values: [2, 4]}}, {ACCUMULATION}: {{values: [1, 2]}}}}",
    "keep.effective_batch_size={low: 4, high: 4}", "search.trials=3", "search.max_concurrent=1",
    "scheduler.first_rung_examples=12",
)  # fmt: skip


@pytest.fixture(scope="module")
def study(ray_cluster: None, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return small_study(tmp_path_factory.mktemp("equivalents"), tiny_en, baseline=BASELINE, space=SPACE)


@pytest.fixture(scope="module")
def records(study: Study) -> list[TrialRecord]:
    return run_study(study, on_end=lambda record: None)[0]


def test_the_other_split_inherits_what_the_first_has_learnt(records: list[TrialRecord]) -> None:
    trained, probed = records
    assert (probed.config["training"]["batch_size"], probed.effective_batch_size) == (2, 4)
    assert (probed.inherited_from, probed.outcome) == ("trial-0000", Outcome.COMPLETED)
    assert probed.reason == "as trial-0000: the same step, split otherwise"
    assert (probed.eval_wer, probed.word_errors) == (trained.eval_wer, trained.word_errors)


def test_its_memory_and_speed_are_measured_on_itself(records: list[TrialRecord]) -> None:
    trained, probed = records
    assert probed.peak_memory_resident_gib != trained.peak_memory_resident_gib
    assert (probed.train_examples_per_s or 0) > 0


def test_its_record_holds_its_own_values_and_the_others_utterances(records: list[TrialRecord], study: Study) -> None:
    trained, probed = records
    assert probed.config["evaluation"] == trained.config["evaluation"]
    of_both = [transcripts_path(study.folder, record.number).read_bytes() for record in records]
    assert of_both[0] == of_both[1]
    assert probed.checkpoint is None


def test_optuna_is_told_the_inherited_objective_and_nothing_of_the_probes(
    records: list[TrialRecord], study: Study
) -> None:
    told = optuna.load_study(study_name=study.folder.name, storage=f"sqlite:///{study.folder / 'optuna.db'}").trials
    assert [trial.value for trial in told] == [records[0].eval_wer] * 2
    assert told[1].intermediate_values == {}
