"""Studies with rungs, rehearsed: how their trainings fall, what is stopped, and what finishing it would bring."""

import math

import numpy as np
import pytest

from raytrain.benchmarks.learning_curves import FORETOLD, KINDS, Curve, judged, recorded, recorded_foretold, way_of
from raytrain.benchmarks.rung_studies import StudyWithRungs
from raytrain.benchmarks.surfaces import ACCUMULATION, BATCH, RATE, RehearsedCard, surfaces
from raytrain.benchmarks.taken_up import WHOLE, compare, rehearse
from raytrain.search.axes import Sample

(SURFACE, *_) = surfaces()
SLOW: Sample = {BATCH: 8, ACCUMULATION: 3, RATE: 8e-6}
QUICK: Sample = {BATCH: 8, ACCUMULATION: 3, RATE: 8e-5}


def falls(kind: str, sample: Sample) -> list[float]:
    """The share that is left of a fall at each rung, without noise."""
    way = way_of(SURFACE, kind, sample, seed=0, number=1, best_wer=0.09, end=SURFACE.true_wer(sample))
    return [1 - share**way.power for share in (0.1, 0.3, 0.9)]


def test_at_high_rates_a_training_falls_later_where_the_kind_is_the_recorded_one() -> None:
    assert all(late > early for late, early in zip(falls("by_rate", QUICK), falls("by_rate", SLOW), strict=True))
    assert falls("each_its_own", QUICK) == falls("each_its_own", SLOW)


def test_a_training_ends_with_the_wer_that_it_has_without_rungs() -> None:
    ended = RehearsedCard(SURFACE, seed=3).train(4, SLOW)
    assert ended.wer is not None
    for kind in KINDS:
        way = way_of(SURFACE, kind, SLOW, seed=3, number=4, best_wer=0.09, end=ended.wer)
        assert way.wer(1.0) == pytest.approx(ended.wer)


def test_of_the_recorded_trainings_the_best_at_the_end_is_among_the_worst_at_the_first_rung() -> None:
    best = min(recorded(), key=lambda one: one.end)
    at_first = sorted(one.seen[0.1] for one in recorded())
    assert at_first.index(best.seen[0.1]) >= len(at_first) // 2
    told = recorded_foretold()["0.1"]
    assert told["line_by_sample"]["mean_error"] < 0.7 * told["median_change"]["mean_error"]


def test_a_power_law_is_found_where_there_is_one() -> None:
    curves = [
        Curve(point=[0.0], seen={share: a + b * share**-0.4 for share in (0.1, 0.3, 0.9)}, end=a + b)
        for a, b in ((0.05, 0.05), (0.08, 0.03), (0.06, 0.06), (0.09, 0.05))
    ]
    stopped = Curve(point=[0.0], seen={share: 0.07 + 0.04 * share**-0.4 for share in (0.1, 0.3)}, end=0.11)
    assert FORETOLD["power_law"](stopped, curves) == pytest.approx(0.11, rel=0.01)


def by_rate(rate: float, *, seen: float = 0.3) -> Curve:
    """One that falls the further after its rung, the higher its rate."""
    return Curve(point=[rate], seen={0.1: seen}, end=seen * math.exp(-0.5 - 0.2 * rate))


def test_what_falls_later_at_high_rates_is_foretold_to_fall_further() -> None:
    ended = [by_rate(rate) for rate in (-1.0, 0.0, 1.0)]
    foretold = FORETOLD["line_by_sample"](by_rate(2.0), ended)
    assert by_rate(2.0).end < foretold < 0.9 * FORETOLD["median_change"](by_rate(2.0), ended)
    alike = [by_rate(0.0) for _ in range(3)]
    assert FORETOLD["line_by_sample"](by_rate(2.0), alike) == pytest.approx(by_rate(0.0).end)


def test_where_none_went_on_from_a_rung_no_change_is_foretold() -> None:
    stopped = Curve(point=[0.0], seen={0.1: 0.3, 0.3: 0.2}, end=0.1)
    assert [foretell(stopped, [by_rate(0.0)]) for foretell in FORETOLD.values()] == [0.2, 0.2, 0.2]


def test_ranks_and_errors_are_those_of_what_came() -> None:
    assert judged([(0.1, 0.1), (0.2, 0.2), (0.3, 0.4)]) == {
        "rank_correlation": 1.0,
        "mean_error": round(math.log(4 / 3) / 3, 4),
    }


def test_a_trial_that_is_finished_later_costs_what_it_lacks_and_ends_as_it_would_have() -> None:
    study = StudyWithRungs(SURFACE, "each_its_own", seed=0, stops=True)
    for number in range(40):
        study.train(number, study.suggest(number) or SLOW)
        if study.stopped():
            break
    (stopped,) = study.stopped()
    before, rest = study.cost, stopped.rest
    study.finish(stopped)
    assert study.cost == pytest.approx(before + rest)
    assert rest in (0.9, 0.7, pytest.approx(0.1))
    assert not study.stopped()
    assert stopped.end == RehearsedCard(SURFACE, seed=0).train(stopped.number, stopped.sample).wer


def test_a_study_ends_when_it_has_cost_what_it_may() -> None:
    whole = rehearse(SURFACE, "by_rate", "never_stopped", seed=0, trials=60)
    assert whole.trials == WHOLE
    assert whole.lost_by_stopping == 0
    stopped = rehearse(SURFACE, "by_rate", "stopped", seed=0, trials=60)
    assert stopped.trials > whole.trials
    assert stopped.lost_by_stopping >= 0


def test_every_kind_and_way_has_its_figures() -> None:
    found = dict(compare([SURFACE], trials=6, seeds=1))
    assert found.keys() == KINDS.keys()
    for figures in found.values():
        assert figures["foretold"].keys() == FORETOLD.keys()
        assert np.isfinite(figures["taken_up"]["regret_mean"])
