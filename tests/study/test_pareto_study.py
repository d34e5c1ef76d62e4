"""A real study of a Pareto front by NSGA-II: an effective batch in two splits, one trained and one probed.

A learning rate by which every training diverges is among its values.
"""

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from small_studies import small_study

from raytrain.report.write import write_report
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import load_study
from raytrain.results.transcripts import transcripts_path
from raytrain.study.run_study import run_study
from raytrain.study.study import Study

BATCH, ACCUMULATION, RATE = "training.batch_size", "training.gradient_accumulation_steps", "training.learning_rate"
ABSURD = 1e30


@pytest.fixture(scope="module")
def study(ray_cluster: None, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One effective batch in two splits, at a sound learning rate and at an absurd one."""
    return small_study(
        tmp_path_factory.mktemp("pareto"),
        tiny_en,
        baseline=("training.gradient_accumulation_steps=1", "scaling.use_gpu=false"),
        space=(
            f"vary={{{BATCH}: {{values: [2, 4]}}, {ACCUMULATION}: {{values: [1, 2]}}, "
            f"{RATE}: {{values: [2e-5, {ABSURD}]}}}}",
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


def test_an_absurd_learning_rate_ends_as_diverged_and_the_study_goes_on(records: list[TrialRecord]) -> None:
    lost = [record for record in records if record.config.training.learning_rate == ABSURD]
    assert [record.outcome for record in lost] == [Outcome.DIVERGED] * 2
    assert all((record.reason or "").startswith("at step ") for record in lost)
    assert [record.outcome for record in records if record not in lost] == [Outcome.COMPLETED] * 2


@pytest.fixture
def probed(records: list[TrialRecord]) -> TrialRecord:
    """The other split of the baseline."""
    (found,) = [record for record in records if record.inherited_from is not None]
    return found


def test_the_other_split_inherits_what_the_first_has_learnt(records: list[TrialRecord], probed: TrialRecord) -> None:
    assert (probed.config.training.batch_size, probed.effective_batch_size) == (2, 4)
    assert (probed.inherited_from, probed.outcome) == ("trial-0000", Outcome.COMPLETED)
    assert probed.reason == "as trial-0000: the same step, split otherwise"
    assert (probed.eval_wer, probed.word_errors) == (records[0].eval_wer, records[0].word_errors)


def test_its_memory_and_speed_are_measured_on_itself(records: list[TrialRecord], probed: TrialRecord) -> None:
    assert probed.peak_memory_resident_gib != records[0].peak_memory_resident_gib
    assert (probed.train_examples_per_s or 0) > 0


def test_its_record_holds_its_own_values_and_the_others_utterances(
    records: list[TrialRecord], probed: TrialRecord, study: Study
) -> None:
    assert probed.config.evaluation == records[0].config.evaluation
    of_both = [transcripts_path(study.folder, record.number).read_bytes() for record in (records[0], probed)]
    assert of_both[0] == of_both[1]
    assert probed.checkpoint is None


def test_optuna_is_told_the_inherited_wer(records: list[TrialRecord], probed: TrialRecord, study: Study) -> None:
    assert told_to_optuna(study).trials[probed.number].values[0] == records[0].eval_wer


def test_the_front_in_optuna_is_the_reports_and_holds_no_diverged_trial(
    records: list[TrialRecord], study: Study
) -> None:
    told = told_to_optuna(study)
    assert len(told.directions) == 3
    assert {trial.state for trial in told.trials} == {TrialState.COMPLETE}
    found = write_report(study.folder)
    assert {trial.number for trial in told.best_trials} == {one.number for one in found.front}
    assert {one.outcome for one in found.front} == {Outcome.COMPLETED}


def test_the_winner_is_one_that_trained(records: list[TrialRecord], study: Study) -> None:
    best = load_study(study.folder).best
    assert best is not None
    assert best.outcome is Outcome.COMPLETED


def told_to_optuna(study: Study) -> optuna.Study:
    return optuna.load_study(study_name=study.folder.name, storage=f"sqlite:///{study.folder / 'optuna.db'}")
