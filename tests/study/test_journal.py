"""optuna.db: what was started, told right at the end, and the same again when it is opened anew."""

import math
from pathlib import Path

import optuna
import pytest
from ended_trials import record
from optuna.trial import TrialState

from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.results.records import Outcome
from raytrain.search.axes import Axes
from raytrain.search.objectives import objective_of, violation_gib
from raytrain.study.journal import Journal

BATCH = "training.batch_size"
TINY = load_baseline("tiny")
AXES = Axes(SearchSpace.model_validate({"vary": {BATCH: {"values": [2, 4]}}}), TINY)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path, AXES)


def stored(folder: Path) -> list[optuna.trial.FrozenTrial]:
    """As optuna-dashboard sees them."""
    study = optuna.load_study(study_name=folder.name, storage=f"sqlite:///{folder / 'optuna.db'}")
    return study.trials


def test_the_baseline_is_kept_with_its_own_values_outside_the_space(journal: Journal, tmp_path: Path) -> None:
    assert journal.start(AXES.baseline_sample) == 0
    assert journal.start({BATCH: 4}) == 1
    assert [trial.params for trial in stored(tmp_path)] == [{BATCH: 8}, {BATCH: 4}]


def test_a_trial_is_told_as_what_it_was(journal: Journal, tmp_path: Path) -> None:
    outcomes = [Outcome.COMPLETED, Outcome.PRUNED, Outcome.DIVERGED, Outcome.OUT_OF_MEMORY, Outcome.FAILED]
    for number, outcome in enumerate(outcomes):
        journal.start({BATCH: 4})
        journal.report(number, examples_seen=100, objective=0.4)
        ended = record(number, TINY, outcome=outcome, eval_wer=0.25)
        journal.end(ended, memory_limit_gib=None)
    assert [(trial.state, trial.value) for trial in stored(tmp_path)] == [
        (TrialState.COMPLETE, 0.25),
        (TrialState.PRUNED, 0.4),
        (TrialState.COMPLETE, 10.0),  # diverged: a fact about the sample, and a bad one
        (TrialState.COMPLETE, 10.0),
        (TrialState.FAIL, None),
    ]


def test_no_number_that_optuna_is_told_is_ever_nan() -> None:
    worst = [record(0, TINY, outcome=outcome, eval_wer=None) for outcome in Outcome]
    assert all(math.isfinite(objective_of(one)) for one in worst)
    assert objective_of(record(0, TINY, eval_wer=37.0)) == 10.0


def test_what_was_started_and_not_ended_is_found_again(journal: Journal, tmp_path: Path) -> None:
    journal.start(AXES.baseline_sample)
    journal.start({BATCH: 4})
    journal.report(1, examples_seen=100, objective=0.4)
    journal.end(record(0, TINY, eval_wer=0.3), memory_limit_gib=None)
    again = Journal(tmp_path, AXES)
    assert again.unfinished() == {1: {BATCH: 4}}
    assert again.reports()[1] == {100: 0.4}
    assert [one.objectives for one in again.tried()] == [(0.3,), ()]


def test_telling_an_end_twice_changes_nothing(journal: Journal, tmp_path: Path) -> None:
    journal.start(AXES.baseline_sample)
    journal.end(record(0, TINY, eval_wer=0.3), memory_limit_gib=None)
    journal.end(record(0, TINY, eval_wer=0.9), memory_limit_gib=None)
    assert stored(tmp_path)[0].value == 0.3


def test_memory_over_the_limit_is_told_as_a_constraint(journal: Journal, tmp_path: Path) -> None:
    journal.start(AXES.baseline_sample)
    ended = record(0, TINY, eval_wer=0.3, peak_memory_reserved_gib=9.5, peak_memory_resident_gib=2.0)
    journal.end(ended, memory_limit_gib=8.0)
    assert stored(tmp_path)[0].constraints == {"memory_gib": 1.5}


def test_a_limit_counts_the_card_else_the_process_and_out_of_memory_always() -> None:
    assert violation_gib(record(0, TINY, peak_memory_resident_gib=2.0), 8.0) == -6.0
    assert violation_gib(record(0, TINY, outcome=Outcome.OUT_OF_MEMORY), 8.0) == 0.1
    assert violation_gib(record(0, TINY, outcome=Outcome.OUT_OF_MEMORY), None) == 0.1
    assert violation_gib(record(0, TINY, outcome=Outcome.NOT_STARTED, predicted_memory_gib=9.0), 8.0) == 1.0
    assert violation_gib(record(0, TINY), 8.0) is None
    assert violation_gib(record(0, TINY, peak_memory_reserved_gib=9.5), None) is None


def test_a_file_that_is_no_study_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "optuna.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(InputError, match=r"optuna\.db: cannot be read"):
        Journal(tmp_path, AXES)
    assert (tmp_path / "optuna.db").read_bytes() == b"not a database at all" * 100


def test_a_journal_that_was_moved_away_is_written_anew_from_the_ledger(tmp_path: Path) -> None:
    first = record(0, TINY, eval_wer=0.3)
    ended = [
        first,
        record(2, TINY, eval_wer=0.2, sample={BATCH: 4}),  # 1 was running, and nobody knows what it was
        record(3, TINY, eval_wer=0.4, finalist_of=first.trial_id, seed=43),
    ]
    journal = Journal(tmp_path, AXES)
    journal.catch_up(ended, memory_limit_gib=None)
    states = [(trial.state, trial.value) for trial in stored(tmp_path)]
    assert states == [
        (TrialState.COMPLETE, 0.3),
        (TrialState.FAIL, None),
        (TrialState.COMPLETE, 0.2),
        (TrialState.COMPLETE, 0.4),
    ]
    assert [one.sample for one in journal.tried() if one.objectives] == [{BATCH: 8}, {BATCH: 4}]
    assert (journal.unfinished(), journal.unfinished_again(), len(journal)) == ({}, {}, 4)


def test_a_study_whose_folder_was_renamed_keeps_its_trials(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    Journal(tmp_path / "before", AXES).start({BATCH: 4})
    moved = (tmp_path / "before").rename(tmp_path / "after")
    assert Journal(moved, AXES).unfinished() == {0: {BATCH: 4}}
