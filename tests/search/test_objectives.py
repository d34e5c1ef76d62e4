"""What a sampler learns of a trial that ended: finite numbers, and by how much it broke what it has to keep."""

from dataclasses import replace

import pytest
from ended_trials import record

from raytrain.config.reader import load_baseline
from raytrain.config.space import Keep
from raytrain.results.choose import best_trial
from raytrain.results.records import Outcome, TrialRecord
from raytrain.search.objectives import WORST_MEASURES, constraints_of, measures_of, objective_of, over

TINY = load_baseline("tiny")
TRAINED = Outcome.COMPLETED, Outcome.PRUNED
LOST = Outcome.DIVERGED, Outcome.OUT_OF_MEMORY, Outcome.NOT_STARTED, Outcome.FAILED
NO_ROOM = Outcome.OUT_OF_MEMORY, Outcome.NOT_STARTED


def ended(outcome: Outcome, *, peak_gib: float | None = None, predicted_gib: float | None = None) -> TrialRecord:
    return record(
        1,
        TINY,
        outcome=outcome,
        eval_wer=0.25,
        peak_memory_reserved_gib=peak_gib,
        train_examples_per_s=50.0,
        predicted_memory_gib=predicted_gib,
    )


@pytest.mark.parametrize("outcome", TRAINED)
def test_what_was_trained_counts_as_it_scored(outcome: Outcome) -> None:
    one = ended(outcome, peak_gib=6.0)
    assert objective_of(one) == 0.25
    assert measures_of(one) == (0.25, 6.0, 20.0)


@pytest.mark.parametrize("outcome", LOST)
def test_what_was_lost_counts_as_the_worst_whatever_it_scored(outcome: Outcome) -> None:
    one = ended(outcome, peak_gib=6.0)
    assert objective_of(one) == 10.0
    assert measures_of(one) == WORST_MEASURES


def test_babble_is_no_worse_than_the_worst() -> None:
    assert objective_of(record(0, TINY, eval_wer=37.0)) == 10.0
    assert objective_of(record(0, TINY)) == 10.0


@pytest.mark.parametrize(("peak_gib", "missed_by"), [(6.5, -1.5), (8.0, 0.0), (9.5, 1.5)])
def test_a_measured_peak_misses_or_keeps_the_limit_by_the_difference(peak_gib: float, missed_by: float) -> None:
    one = ended(Outcome.COMPLETED, peak_gib=peak_gib, predicted_gib=30.0)
    assert constraints_of(one, 8.0, is_pareto=False) == {"memory_gib": missed_by}


def test_without_a_limit_or_a_peak_a_trained_one_breaks_nothing() -> None:
    assert constraints_of(ended(Outcome.COMPLETED, peak_gib=9.5), None, is_pareto=True) == {}
    assert constraints_of(ended(Outcome.COMPLETED), 8.0, is_pareto=True) == {}


@pytest.mark.parametrize("outcome", NO_ROOM)
@pytest.mark.parametrize("limit_gib", [None, 8.0])
def test_what_did_not_fit_missed_by_some_though_nobody_knows_by_how_much(
    outcome: Outcome, limit_gib: float | None
) -> None:
    assert constraints_of(ended(outcome), limit_gib, is_pareto=False) == {"memory_gib": 0.1}


def test_what_ran_out_of_memory_missed_by_its_peak_and_never_by_less_than_some() -> None:
    missed = [
        constraints_of(ended(Outcome.OUT_OF_MEMORY, peak_gib=peak, predicted_gib=30.0), 8.0, is_pareto=False)
        for peak in (7.0, 9.5)
    ]
    assert missed == [{"memory_gib": 0.1}, {"memory_gib": 1.5}]
    assert constraints_of(ended(Outcome.OUT_OF_MEMORY, peak_gib=9.5), None, is_pareto=False) == {"memory_gib": 0.1}


def test_what_was_never_started_missed_by_what_was_predicted() -> None:
    refused = ended(Outcome.NOT_STARTED, predicted_gib=11.0)
    assert constraints_of(refused, 8.0, is_pareto=False) == {"memory_gib": 3.0}


def test_on_a_front_divergence_breaks_a_rule_of_its_own_beside_the_limit() -> None:
    diverged = ended(Outcome.DIVERGED, peak_gib=9.0)
    assert constraints_of(diverged, 8.0, is_pareto=True) == {"memory_gib": 1.0, "diverged": 1.0}
    assert constraints_of(diverged, 8.0, is_pareto=False) == {"memory_gib": 1.0}


def test_a_bound_on_a_further_set_is_a_constraint_and_its_breaker_never_the_best() -> None:
    keep = Keep.model_validate({"also": {"adult": {"high": 0.25}, "older": {"high": 0.5}}})
    broken, kept = (record(number, TINY, eval_wer=0.1, also={"adult": wer}) for number, wer in ((0, 0.375), (1, 0.2)))
    broken, kept = (replace(one, over=over(one, keep)) for one in (broken, kept))
    assert constraints_of(broken, None, is_pareto=False) == {"also.adult": 0.125}
    assert constraints_of(kept, None, is_pareto=False) == {"also.adult": 0.0}
    assert best_trial([broken, kept]) == kept
    assert TrialRecord.from_dict(broken.as_dict(), "trials.jsonl:1") == broken
    assert over(record(2, TINY), keep) == {}  # it was stopped before it could be scored there
