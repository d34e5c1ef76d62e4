"""Which samples inherit a WER, and what of their record is their own."""

from dataclasses import replace
from typing import Any

import pytest
from ended_trials import record

from raytrain.config.baseline import Baseline
from raytrain.config.reader import apply_sample, load_baseline
from raytrain.results.records import Outcome, TrialRecord
from raytrain.search.equivalents import Equivalents, inherit, probe_of

BATCH, ACCUMULATION = "training.batch_size", "training.gradient_accumulation_steps"
SMALL = load_baseline("small")  # 12 × 3, with dropout
TRAINED = record(
    1,
    SMALL,
    eval_wer=0.2,
    best_eval_wer=0.19,
    word_errors={"hits": 8},
    wer_by_age_bucket={"5-7": 0.25},
    examples_seen=5000,
    steps=139,
    peak_memory_reserved_gib=11.0,
    checkpoint="ray/trial-0001/step-000139",
)


def split(batch_size: int, accumulation: int, **others: Any) -> Baseline:
    return apply_sample(SMALL, {BATCH: batch_size, ACCUMULATION: accumulation} | others)


def probed(config: Baseline = SMALL, **fields: Any) -> TrialRecord:
    return record(2, config, peak_memory_reserved_gib=5.0, train_examples_per_s=9.0, **fields)


def test_another_split_of_a_trained_effective_batch_is_equivalent() -> None:
    assert Equivalents().find(split(6, 6), [TRAINED]) == TRAINED
    assert Equivalents().find(split(6, 3, **{"scaling.num_workers": 2}), [TRAINED]) == TRAINED


@pytest.mark.parametrize(
    "other", [split(6, 5), split(6, 6, **{"training.learning_rate": 3e-5}), split(6, 6, **{"scaling.use_gpu": False})]
)
def test_another_effective_batch_or_rate_or_device_is_not(other: Baseline) -> None:
    assert Equivalents().find(other, [TRAINED]) is None


@pytest.mark.parametrize("fields", [{"inherited_from": "trial-0000"}, {"finalist_of": "trial-0000"}])
def test_neither_a_copy_nor_a_repeat_is_inherited_from(fields: dict[str, Any]) -> None:
    assert Equivalents().find(split(6, 6), [record(1, SMALL, eval_wer=0.2, **fields)]) is None


@pytest.mark.parametrize("outcome", [Outcome.PRUNED, Outcome.DIVERGED, Outcome.OUT_OF_MEMORY, Outcome.FAILED])
def test_only_what_was_trained_to_its_end_is_inherited_from(outcome: Outcome) -> None:
    assert Equivalents().find(split(6, 6), [record(1, SMALL, eval_wer=0.2, outcome=outcome)]) is None


def test_a_record_read_from_the_ledger_is_recognised() -> None:
    assert Equivalents().find(split(36, 1), [TrialRecord.from_dict(TRAINED.as_dict(), "")]) == TRAINED


def test_a_probe_is_a_few_steps_and_a_short_evaluation_of_the_same_run() -> None:
    config, examples = probe_of(split(6, 6), budget_examples=5000)
    assert examples == 4 * 36
    assert probe_of(split(6, 6), budget_examples=100)[1] == 100
    assert config.evaluation.max_utterances == 2 * SMALL.evaluation.batch_size
    assert config.training == split(6, 6).training


@pytest.mark.parametrize(("most", "scored"), [(8, 8), (500, 2 * SMALL.evaluation.batch_size)])
def test_a_probe_scores_no_more_than_the_run_would(most: int, scored: int) -> None:
    config, _ = probe_of(split(6, 6, **{"evaluation.max_utterances": most}), budget_examples=5000)
    assert config.evaluation.max_utterances == scored


def test_the_wer_is_the_others_and_memory_and_speed_are_its_own() -> None:
    found = inherit(probed(), TRAINED)
    assert (found.inherited_from, found.outcome) == ("trial-0001", Outcome.COMPLETED)
    assert (found.eval_wer, found.best_eval_wer, found.word_errors) == (0.2, 0.19, {"hits": 8})
    assert (found.wer_by_age_bucket, found.examples_seen, found.steps) == ({"5-7": 0.25}, 5000, 139)
    assert (found.peak_memory_reserved_gib, found.train_examples_per_s) == (5.0, 9.0)
    assert found.checkpoint is None


def test_what_a_probe_says_of_its_own_does_not_count_beside_what_was_trained() -> None:
    own = {"outcome": Outcome.DIVERGED, "wer_by_age_bucket": {"12+": 0.9}, "examples_seen": 144, "steps": 4}
    found = inherit(probed(**own, checkpoint="ray/trial-0002/step-000004"), TRAINED)
    assert (found.outcome, found.wer_by_age_bucket) == (Outcome.COMPLETED, {"5-7": 0.25})
    assert (found.examples_seen, found.steps, found.checkpoint) == (5000, 139, None)


def test_a_probe_keeps_its_own_history() -> None:
    own, others = [{"examples_seen": 144, "eval_wer": 0.9}], [{"examples_seen": 5000, "eval_wer": 0.2}]
    assert inherit(probed(history=own), replace(TRAINED, history=others)).history == own


def test_with_dropout_the_record_says_that_it_is_equal_in_distribution_alone() -> None:
    sure = apply_sample(SMALL, {"model.dropout": 0.0})
    said = "as trial-0001: the same step, split otherwise"
    assert inherit(probed(), TRAINED).reason == f"{said}; equal in distribution (dropout)"
    assert inherit(probed(sure), TRAINED).reason == said


def test_a_split_that_does_not_fit_inherits_nothing() -> None:
    lost = probed(outcome=Outcome.OUT_OF_MEMORY)
    assert inherit(lost, TRAINED) == lost
