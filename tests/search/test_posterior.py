"""The posterior: what trials say of samples that were not tried, and what earlier studies add to it."""

import math

import numpy as np
import pytest
from optuna.trial import TrialState

from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.search.axes import Axes, Sample
from raytrain.search.borrowed import Borrowed, BorrowedTrial
from raytrain.search.coordinates import Coordinates
from raytrain.search.encoding import Tried
from raytrain.search.improvement import improvement
from raytrain.search.knowledge import Knowledge, agreement, knowledge
from raytrain.search.sampler import propose

BATCH, ACCUMULATION, RATE = "training.batch_size", "training.gradient_accumulation_steps", "training.learning_rate"
VARY = {
    BATCH: {"values": [1, 2, 4, 8, 12, 16]},
    ACCUMULATION: {"low": 1, "high": 12},
    RATE: {"low": 1e-6, "high": 1e-4, "log": True},
}
ASKED = SearchSpace.model_validate({"vary": VARY})
AXES = Axes(ASKED, load_baseline("small"))


def wer(sample: Sample, *, best: float = 3e-5) -> float:
    """A bowl whose bottom lies at this rate, for an effective batch of 36."""
    rate, size = float(sample[RATE]), AXES.effective_batch_size(sample)  # type: ignore[arg-type]
    return 0.1 * math.exp(0.2 * math.log(rate / best / math.sqrt(size / 36)) ** 2)


def ended(*pairs: tuple[int, float], best: float = 3e-5) -> list[Tried]:
    samples: list[Sample] = [{BATCH: batch, ACCUMULATION: 3, RATE: rate} for batch, rate in pairs]
    return [Tried(sample=one, state=TrialState.COMPLETE, objectives=(wer(one, best=best),)) for one in samples]


def known(tried: list[Tried], *borrowed: Borrowed) -> Knowledge:
    return knowledge(AXES, tried, search=ASKED.search, borrowed=borrowed)


def expected(found: Knowledge, *pairs: tuple[int, float]) -> tuple[list[float], list[float]]:
    """Means and spreads of the WER's logarithm."""
    mean, spread = found.posterior.predict(found.coordinates.of_samples([one.sample for one in ended(*pairs)]))
    return list(mean), list(spread)


def test_where_trials_ended_the_mean_is_what_they_reported_and_far_from_them_the_spread_is_larger() -> None:
    found = known(ended((12, 1e-5), (12, 3e-5), (4, 1e-5), (12, 9e-5)))
    mean, spread = expected(found, (12, 3e-5), (1, 1e-6))
    assert mean[0] == pytest.approx(math.log(0.1), abs=0.03)
    assert spread[0] < 0.03 < spread[1]


def test_three_rates_show_the_bottom_between_them() -> None:
    found = known(ended((12, 1e-5), (12, 2e-5), (12, 8e-5)))
    rates = np.geomspace(1e-6, 1e-4, 41)
    mean, _ = expected(found, *[(12, float(rate)) for rate in rates])
    assert rates[int(np.argmin(mean))] == pytest.approx(3e-5, rel=0.35)


def test_the_best_rate_is_expected_to_grow_with_the_root_of_the_effective_batch() -> None:
    coordinates = Coordinates(AXES, learning_rate_scaling="none")
    (small, large) = coordinates.of([16, 64], [{RATE: 1e-5}, {RATE: 2e-5}])
    assert small[0] == pytest.approx(large[0])
    scaled = Coordinates(AXES, learning_rate_scaling="sqrt").of([16, 64], [{RATE: 1e-5}, {RATE: 1e-5}])
    assert scaled[0][0] == pytest.approx(scaled[1][0])  # the study scales the drawn rate itself


def test_what_still_runs_is_believed_to_end_as_expected() -> None:
    tried = ended((12, 1e-5), (12, 9e-5))
    running = Tried(sample={BATCH: 12, ACCUMULATION: 3, RATE: 3e-5}, state=TrialState.RUNNING)
    before, with_it = (expected(known(some), (12, 3e-5)) for some in (tried, [*tried, running]))
    assert with_it[0] == pytest.approx(before[0], abs=0.02)
    assert with_it[1][0] < 0.5 * before[1][0]


def test_a_training_that_diverged_keeps_the_next_ones_away() -> None:
    lost = Tried(sample={BATCH: 12, ACCUMULATION: 3, RATE: 9e-5}, state=TrialState.COMPLETE, objectives=(10.0,))
    tried = [*ended((12, 1e-5), (12, 2e-5)), lost]
    samples = [propose(AXES, tried, search=ASKED.search, number=number) for number in range(3, 8)]
    assert all(float(one[RATE]) < 7e-5 for one in samples if one is not None)  # type: ignore[arg-type]


def test_a_stopped_training_is_judged_by_how_those_that_went_on_changed() -> None:
    whole = [Tried(sample=one.sample, state=one.state, objectives=one.objectives, intermediate={100: 2 * 0.1})
             for one in ended((12, 3e-5))]  # fmt: skip
    stopped = Tried(sample={BATCH: 12, ACCUMULATION: 3, RATE: 1e-5}, state=TrialState.PRUNED, intermediate={100: 0.24})
    mean, _ = expected(known([*whole, stopped]), (12, 1e-5))
    assert mean[0] == pytest.approx(math.log(0.12), abs=0.06)  # half of what it had, as the other


def test_the_expected_improvement_of_what_is_certain_is_its_gain_or_nothing() -> None:
    gains = improvement(np.array([0.1, -0.1, 0.0]), np.array([1e-9, 1e-9, 1.0]))
    assert gains == pytest.approx([0.1, 0.0, 1 / math.sqrt(2 * math.pi)])


def borrowed(*, best: float, is_reversed: bool = False) -> Borrowed:
    pairs = [(batch, rate) for batch in (4, 12) for rate in np.geomspace(1e-6, 1e-4, 9)]
    trials = [
        BorrowedTrial(
            size=AXES.effective_batch_size(one.sample),
            others={RATE: one.sample[RATE]},
            objective=0.02 / one.objectives[0] if is_reversed else 2 * one.objectives[0],
        )
        for one in ended(*pairs, best=best)
    ]
    return Borrowed(study="earlier", trust=0.8, discounted_for=["another corpus"], trials=trials)


def test_one_trial_and_an_earlier_study_show_where_the_bottom_lies() -> None:
    sample = propose(AXES, ended((12, 1e-5)), search=ASKED.search, number=1, borrowed=[borrowed(best=3e-5)])
    assert sample is not None
    assert wer(sample) < 0.103


def test_an_earlier_study_whose_bowl_is_upside_down_is_dropped_before_two_trials_tell() -> None:
    tried, upside_down = ended((12, 1e-5)), borrowed(best=3e-5, is_reversed=True)
    assert agreement(AXES, tried, search=ASKED.search, borrowed=[upside_down]) == [None]
    cold, misled = (propose(AXES, tried, search=ASKED.search, number=1, borrowed=some) for some in ((), [upside_down]))
    assert misled == cold


def test_what_is_known_without_earlier_studies_counts_only_while_one_of_them_may_be_right() -> None:
    tried, right, upside_down = ended((12, 1e-5)), borrowed(best=3e-5), borrowed(best=3e-5, is_reversed=True)
    assert known(tried, right, upside_down).agreed == [right]
    assert known(tried, right, upside_down).alone is not None
    assert known(tried, upside_down).alone is None
    assert known([*tried, *ended((12, 3e-5))], right).alone is None  # two trials have told that it ranks rightly


def test_an_earlier_study_that_ranks_wrongly_is_dropped_and_one_that_ranks_rightly_is_not() -> None:
    tried = ended((12, 1e-5), (12, 2.5e-5), (12, 9e-5))
    right, wrong = borrowed(best=3e-5), borrowed(best=2e-6)
    found = agreement(AXES, tried, search=ASKED.search, borrowed=[right, wrong])
    assert found[0] is not None
    assert found[0] > 0.7
    assert found[1] is None
    cold, misled = (propose(AXES, tried, search=ASKED.search, number=3, borrowed=some) for some in ((), [wrong]))
    assert misled == cold
