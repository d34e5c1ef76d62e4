"""Real studies of real trials, a few steps each: how trials end, and what is told to whom."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.execution.tune_controller import TuneController
from small_studies import small_study

from raytrain.config.reader import apply_sample
from raytrain.results.description import Description
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import load_study, outcomes
from raytrain.search.axes import Sample
from raytrain.study import tune_private
from raytrain.study.run_study import run_study
from raytrain.study.study import Study
from raytrain.trial.run_progress import RunProgress, read_progress

RATE, LABELS = "training.learning_rate", "data.max_label_tokens"


@pytest.fixture(scope="module")
def five_points(ray_cluster: None, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The baseline, outside the space; a rate that ruins weights, one whose loss is NaN; a limit without labels."""
    return small_study(
        tmp_path_factory.mktemp("study"),
        tiny_en,
        baseline=("scaling.use_gpu=false",),
        space=(
            f"vary={{{RATE}: {{values: [1e-2, 1e12]}}, {LABELS}: {{values: [448, 4]}}}}",
            "scheduler.first_rung_examples=12",
            "search.trials=6",
            "search.max_concurrent=1",
        ),
    )


@pytest.fixture(scope="module")
def kept_drivers() -> Iterator[list[bool]]:
    """Whether Tune kept the driver of a trial that had come to its end, for each that it was asked of."""
    kept: list[bool] = []

    def keep(controller: TuneController, trial: Any) -> bool:
        kept.append(keep_driver(controller, trial))
        return kept[-1]

    keep_driver = tune_private._keep_driver
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune_private, "_keep_driver", keep)
        yield kept


@pytest.fixture(scope="module")
def records(five_points: Study, kept_drivers: list[bool]) -> list[TrialRecord]:
    told: list[int] = []
    found, interrupted = run_study(five_points, on_end=lambda record: told.append(record.number))
    assert not interrupted
    assert told == [record.number for record in found]
    return found


def by_rate(records: list[TrialRecord]) -> dict[float, TrialRecord]:
    """Those with labels."""
    kept = [record.config for record in records if record.config.data.max_label_tokens == 448]
    assert len(kept) == 3
    return {record.config.training.learning_rate: record for record in records if record.config in kept}


def test_trial_0_is_the_baseline_as_it_is(records: list[TrialRecord], five_points: Study) -> None:
    assert (records[0].number, records[0].sample) == (0, {})
    assert records[0].config == five_points.baseline


def test_four_points_are_tried_once_each_after_the_baseline(records: list[TrialRecord]) -> None:
    assert [record.number for record in records] == [0, 1, 2, 3, 4]
    assert len({record.config.model_dump_json() for record in records}) == 5


def test_each_trial_ends_as_what_it_was(records: list[TrialRecord]) -> None:
    outcomes = {rate: record.outcome for rate, record in by_rate(records).items()}
    assert outcomes == {2e-5: Outcome.COMPLETED, 1e-2: Outcome.PRUNED, 1e12: Outcome.DIVERGED}


def test_an_exception_in_a_trial_ends_that_trial_alone_and_its_reason_is_kept(records: list[TrialRecord]) -> None:
    failed = [record for record in records if record.config.data.max_label_tokens == 4]
    assert [record.outcome for record in failed] == [Outcome.FAILED] * 2
    assert all((record.reason or "").startswith("InputError: training data: none of 0") for record in failed)


def test_the_driver_of_the_one_that_came_to_its_end_is_kept_for_the_next(
    records: list[TrialRecord], kept_drivers: list[bool]
) -> None:
    assert kept_drivers == [True]  # of trial 0; no other was asked of


def test_none_of_these_faults_is_taken_for_the_winner(records: list[TrialRecord], five_points: Study) -> None:
    found = load_study(five_points.folder)
    assert found.best == by_rate(records)[2e-5]
    assert {outcome: number for outcome, number, _ in outcomes(found.records)} == {
        Outcome.COMPLETED: 1,
        Outcome.PRUNED: 1,
        Outcome.DIVERGED: 1,
        Outcome.FAILED: 2,
    }


def test_a_diverged_trial_says_where(records: list[TrialRecord]) -> None:
    assert (by_rate(records)[1e12].reason or "").startswith("at step")


def test_the_ledger_holds_one_line_a_trial_and_no_nan(records: list[TrialRecord], five_points: Study) -> None:
    written = (five_points.folder / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(written) == len(records)
    assert not any("NaN" in line or "Infinity" in line for line in written)


def test_optuna_is_told_the_truth_and_never_nan(records: list[TrialRecord], five_points: Study) -> None:
    told = stored(five_points).trials
    states = {trial.params[RATE]: trial.state for trial in told if trial.params[LABELS] == 448}
    assert states == {
        2e-5: TrialState.COMPLETE,
        1e-2: TrialState.PRUNED,  # with an early WER, and not as if it had been trained to its end
        1e12: TrialState.COMPLETE,
    }
    assert [trial.state for trial in told if trial.params[LABELS] == 4] == [TrialState.FAIL] * 2
    numbers = [value for trial in told for value in [trial.value, *trial.intermediate_values.values()]]
    assert all(math.isfinite(number) for number in numbers if number is not None)


def test_rungs_and_budget_are_counted_in_examples(records: list[TrialRecord]) -> None:
    found = by_rate(records)
    assert [row["examples_seen"] for row in found[2e-5].history] == [0, 12, 16]
    assert found[1e-2].examples_seen == 12  # the weights as they come are scored once, by the baseline


def test_a_scored_trial_leaves_its_utterances(records: list[TrialRecord], five_points: Study) -> None:
    rows = (five_points.folder / "trials" / "0" / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row).keys() >= {"utterance_id", "reference", "hypothesis", "hits"} for row in rows] == [True] * 2


def test_a_trial_s_worker_tells_how_far_it_is(records: list[TrialRecord], five_points: Study) -> None:
    run = five_points.folder / "ray" / by_rate(records)[2e-5].trial_id
    assert read_progress(run) == RunProgress(phase="scoring", examples_seen=16, examples_total=16)


def test_of_an_ended_trial_only_what_serves_is_kept(records: list[TrialRecord], five_points: Study) -> None:
    found = by_rate(records)
    checkpoint = five_points.folder / (found[2e-5].checkpoint or "")
    assert (checkpoint / "model.safetensors").is_file()
    assert not (checkpoint / "training_state.pt").exists()
    assert found[1e-2].checkpoint is None
    assert not (five_points.folder / "ray" / found[1e-2].trial_id).exists()


def test_a_study_that_is_done_does_nothing_again(records: list[TrialRecord], five_points: Study) -> None:
    done = replace(five_points, description=with_trials(five_points.description, 5))
    ledger = (five_points.folder / "trials.jsonl").read_bytes()
    again, _ = run_study(done, on_end=lambda record: pytest.fail(f"{record.number} ran again"))
    assert again == records
    assert (five_points.folder / "trials.jsonl").read_bytes() == ledger


def test_an_end_that_the_ledger_alone_has_is_no_trial_to_run_and_is_shown(
    records: list[TrialRecord], five_points: Study
) -> None:
    """As after a kill between the ledger's line and the dashboard's."""
    sample: Sample = {RATE: 1e-2, LABELS: 448}
    number = five_points.history.start(sample)
    config = apply_sample(five_points.baseline, sample)
    known = replace(records[0], trial_id=f"trial-{number:04}", number=number, sample=dict(sample), config=config)
    five_points.history.end(known)
    done = replace(five_points, description=with_trials(five_points.description, 6))
    again, _ = run_study(done, on_end=lambda record: pytest.fail(f"{record.number} ran"))
    assert len(again) == 6
    assert stored(five_points).trials[5].state == TrialState.COMPLETE


def stored(study: Study) -> optuna.Study:
    """As optuna-dashboard opens it."""
    return optuna.load_study(study_name=study.folder.name, storage=f"sqlite:///{study.folder / 'optuna.db'}")


def with_trials(description: Description, trials: int) -> Description:
    search = description.asked.search.model_copy(update={"trials": trials})
    return replace(description, space=description.asked.model_copy(update={"search": search}))
