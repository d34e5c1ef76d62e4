"""A study's folder as one value: what its files hold, and what follows from them."""

import json
from pathlib import Path

import pytest
from making import config, record, utterances

from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.files import write_json
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import StudyResults, load_study, outcomes, varied_keys, worst_utterances

BATCH, RATE = "training.batch_size", "training.learning_rate"


def study(folder: Path, *records: TrialRecord, **search: object) -> StudyResults:
    vary = {BATCH: {"values": [4, 8]}, RATE: {"low": 1e-6, "high": 1e-4}}
    space = SearchSpace.model_validate({"vary": vary, "search": search})
    Description(baseline_name="small", baseline=config(), space_name="mine", space=space).write(folder)
    for one in records:
        Ledger(folder).append(one)
    return load_study(folder)


def test_trials_are_in_order_of_their_numbers_however_they_ended(tmp_path: Path) -> None:
    found = study(tmp_path, record(2, eval_wer=0.1), record(0, eval_wer=0.3), record(1, outcome=Outcome.FAILED))
    assert [one.number for one in found.records] == [0, 1, 2]
    assert [one.number for one in found.scored()] == [0, 2]
    assert (found.folder, found.best, found.baseline) == (tmp_path, found.records[2], found.records[0])


def test_of_one_number_the_training_that_began_first_comes_first(tmp_path: Path) -> None:
    late = record(0, trial_id="late", started_at="2026-01-02T00:00:00Z")
    early = record(0, trial_id="early", started_at="2026-01-01T00:00:00Z")
    assert [one.trial_id for one in study(tmp_path, late, early).records] == ["early", "late"]


def test_a_study_s_own_limit_decides_who_is_best(tmp_path: Path) -> None:
    small = record(0, eval_wer=0.3, peak_memory_reserved_gib=6.0)
    large = record(1, eval_wer=0.1, peak_memory_reserved_gib=9.0)
    assert study(tmp_path, small, large, objective="wer_under_memory", memory_limit_gib=8.0).best == small


def test_a_front_is_of_a_study_that_looks_for_one_and_keeps_its_limit(tmp_path: Path) -> None:
    measured = {"train_examples_per_s": 50.0}
    small = record(0, eval_wer=0.3, peak_memory_reserved_gib=6.0, **measured)
    large = record(1, eval_wer=0.1, peak_memory_reserved_gib=9.0, **measured)
    (tmp_path / "one").mkdir()
    assert study(tmp_path, small, large, objective="pareto", memory_limit_gib=8.0).front == [small]
    assert study(tmp_path / "one", small, large).front == []


def test_importance_is_read_where_somebody_worked_it_out_and_is_largest_first(tmp_path: Path) -> None:
    assert study(tmp_path, record(0)).importance == {}
    write_json(tmp_path / "importance.json", {"b": 0.2, "a": 0.2, BATCH: 0.6})
    assert load_study(tmp_path).by_importance() == [(BATCH, 0.6), ("a", 0.2), ("b", 0.2)]


def test_a_fit_is_no_study(tmp_path: Path) -> None:
    fit = Description(baseline_name="small", baseline=config())
    fit.write(tmp_path)
    with pytest.raises(InputError, match=r": a fit, with no trials; a report is of a study"):
        load_study(tmp_path)


def test_a_fit_varies_nothing(tmp_path: Path) -> None:
    found = study(tmp_path, record(0))
    fit = Description(baseline_name="small", baseline=config())
    assert list(found.vary) == [BATCH, RATE]
    assert StudyResults(tmp_path, fit, [], found.verdict).vary == {}


def test_what_varied_are_the_space_s_keys_and_then_what_samples_hold_beside_them(tmp_path: Path) -> None:
    extended = {"model.dropout": 0.1, "evaluation.batch_size": 4, BATCH: 8}
    found = study(tmp_path, record(0), record(1, sample=extended))
    assert varied_keys(found) == [BATCH, RATE, "evaluation.batch_size", "model.dropout"]


def test_ways_to_end_are_counted_and_each_reason_is_given_once_with_its_trials() -> None:
    failed = [record(number, outcome=Outcome.FAILED, reason=why) for number, why in [(1, "a"), (3, "b"), (4, "a")]]
    assert outcomes([*failed, record(5, outcome=Outcome.FAILED), record(0), record(2)]) == [
        (Outcome.COMPLETED, 2, []),
        (Outcome.FAILED, 4, ["trial 1, 4: a", "trial 3: b"]),
    ]


def test_ways_to_end_stand_in_the_order_of_outcomes() -> None:
    found = outcomes([record(number, outcome=outcome) for number, outcome in enumerate(reversed(Outcome))])
    assert [outcome for outcome, _, _ in found] == list(Outcome)


def test_a_trial_s_utterances_are_read_and_none_where_there_is_no_trial(tmp_path: Path) -> None:
    found = study(tmp_path, record(0, eval_wer=0.3), record(1, eval_wer=0.2))
    rows = utterances(tmp_path, 1, wer=0.2)
    assert found.utterances(found.best) == rows
    assert found.utterances(found.baseline) == []  # it left no file
    assert found.utterances(None) == []


SCORED = {"child_id": "c", "age_bucket": "3-4", "duration_s": 1.0, "reference": "", "hypothesis": ""}


def test_the_worst_utterances_have_most_edits_then_the_highest_wer_then_the_first_name(tmp_path: Path) -> None:
    found = study(tmp_path, record(0, eval_wer=0.3))
    edits_and_hits = {"right": (0, 3), "b": (1, 3), "a": (1, 3), "short": (1, 1), "long": (2, 30)}
    rows = [
        {**SCORED, "utterance_id": name, "substitutions": edits, "deletions": 0, "insertions": 0, "hits": hits}
        for name, (edits, hits) in edits_and_hits.items()
    ]
    (tmp_path / "trials" / "0").mkdir(parents=True)
    (tmp_path / "trials" / "0" / "utterances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [row["utterance_id"] for row in worst_utterances(found, count=9)] == ["long", "short", "a", "b"]
    assert [row["utterance_id"] for row in worst_utterances(found, count=2)] == ["long", "short"]
