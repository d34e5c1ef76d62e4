"""When a search is over before its trials are: by what is left to gain, and never by luck alone."""

import math

import numpy as np
from optuna.trial import TrialState

from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.results.early_end import Prospect
from raytrain.search.axes import Axes, Sample
from raytrain.search.encoding import Tried
from raytrain.search.sampler import propose
from raytrain.search.stopping import fewest, is_done, prospect

RATE = "training.learning_rate"


def space(**search: object) -> SearchSpace:
    vary = {RATE: {"low": 1e-6, "high": 1e-4, "log": True}}
    return SearchSpace.model_validate({"vary": vary, "search": search})


ASKED = space()
AXES = Axes(ASKED, load_baseline("small"))


def searched(count: int, *, noise: float = 0.005) -> list[Tried]:
    """A search of a bowl whose bottom is a WER of 0.1 at a rate of 3e-5."""
    tried: list[Tried] = []
    random = np.random.default_rng(0)
    for number in range(count):
        sample = propose(AXES, tried, search=ASKED.search, number=number) if number else AXES.baseline_sample
        assert sample is not None
        tried.append(Tried(sample=sample, state=TrialState.COMPLETE, objectives=(wer(sample, random, noise),)))
    return tried


def wer(sample: Sample, random: np.random.Generator, noise: float) -> float:
    distance = math.log(float(sample[RATE]) / 3e-5)  # type: ignore[arg-type]
    return 0.1 * math.exp(0.2 * distance**2) * float(random.normal(1, noise))


def found(tried: list[Tried], **search: object) -> Prospect | None:
    return prospect(AXES, tried, search=space(**search).search, number=len(tried))


ENOUGH = fewest(AXES)
BOWL = searched(ENOUGH)


def test_a_bowl_whose_bottom_was_found_is_done() -> None:
    told = found(BOWL)
    assert told is not None
    assert is_done(AXES, told)
    assert told.expected_gain < 0.001
    assert told.ended == ENOUGH


def test_trials_far_from_the_bottom_are_not_the_last() -> None:
    away = [one for one in searched(4) if float(one.sample[RATE]) < 1.5e-5]  # type: ignore[arg-type]
    told = found(away * ENOUGH)
    assert told is None or not is_done(AXES, told)


def test_noise_that_hides_more_than_it_is_worth_lets_a_search_go_on() -> None:
    told = found(searched(ENOUGH, noise=0.2))
    assert told is not None
    assert not is_done(AXES, told)


def test_too_few_trials_end_nothing_and_no_worth_never() -> None:
    assert found(BOWL[:-1]) is None
    assert found(BOWL, worth_wer=None) is None


def test_the_same_history_is_judged_alike() -> None:
    assert found(BOWL) == found(BOWL)


def test_what_still_runs_is_not_taken_as_known() -> None:
    running = Tried(sample={RATE: 2e-5}, state=TrialState.RUNNING)
    told = prospect(AXES, [*BOWL, running], search=ASKED.search, number=len(BOWL))
    assert told == found(BOWL)
