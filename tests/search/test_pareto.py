"""Studies of three objectives: what Optuna is told of a trial, what samplers make of it, and who is on the front."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import optuna
import pytest
from ended_trials import record
from histories import history
from optuna.trial import TrialState

from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.results.choose import MEASURES, pareto_front
from raytrain.results.records import Outcome, TrialRecord
from raytrain.search.axes import Axes, Sample
from raytrain.search.encoding import Tried
from raytrain.search.objectives import WORST_MEASURES, measures_of
from raytrain.search.sampler import propose
from raytrain.study.projection import Projection

BATCH, ACCUMULATION = "training.batch_size", "training.gradient_accumulation_steps"
RATE, DROPOUT = "training.learning_rate", "model.dropout"
TINY, SMALL = load_baseline("tiny"), load_baseline("small")
GENERATION = 8


def space(sampler: str, vary: dict[str, object], *, trials: int = 60) -> SearchSpace:
    return SearchSpace.model_validate(
        {"vary": vary, "search": {"objective": "pareto", "sampler": sampler, "seed": 1, "trials": trials}}
    )


RATES = {RATE: {"low": 1e-6, "high": 1e-2, "log": True}, DROPOUT: {"low": 0.0, "high": 0.3}}
SPLITS = {BATCH: {"values": [1, 2, 4, 8, 16]}, ACCUMULATION: {"low": 1, "high": 16}}


def to_the_corner(sample: Sample) -> tuple[float, float, float]:
    """All three are lowest at a rate of 1e-4 without dropout: the front is one point."""
    wer = 0.1 + 0.1 * abs(math.log10(float(sample[RATE]) / 1e-4))  # type: ignore[arg-type]
    return wer, 2 + 10 * float(sample[DROPOUT]), 20 + wer  # type: ignore[arg-type]


def to_small_pieces(sample: Sample) -> tuple[float, float, float]:
    """An effective batch of 16 is best, and of its splits the one into single utterances."""
    batch, accumulation = sample[BATCH], sample[ACCUMULATION]
    return 0.2 + 0.1 * abs(math.log(batch * accumulation / 16)), 2 + 0.3 * batch, 20 + batch  # type: ignore[operator]


def searched(
    asked: SearchSpace,
    count: int,
    *,
    measured: Callable[[Sample], tuple[float, float, float]] = to_the_corner,
    start: Sequence[Tried] = (),
) -> list[Tried]:
    """A serial study whose every trial is completed."""
    axes, tried = Axes(asked, SMALL), list(start)
    while len(tried) < count:
        number = len(tried)
        sample = propose(axes, tried, search=asked.search, number=number) if number else axes.baseline_sample
        assert sample is not None
        tried.append(Tried(sample=sample, state=TrialState.COMPLETE, objectives=measured(sample)))
    return tried


@pytest.fixture(scope="module")
def evolved() -> list[Tried]:
    return searched(space("nsga2", RATES), 5 * GENERATION)


def rates(tried: Sequence[Tried]) -> set[str]:
    """To nine digits: Optuna hands down the logarithm."""
    return {f"{one.sample[RATE]:.9g}" for one in tried}


def test_the_first_generation_of_nsga2_is_drawn_and_the_next_is_bred_from_it(evolved: list[Tried]) -> None:
    first, second, third = (evolved[start : start + GENERATION] for start in (0, GENERATION, 2 * GENERATION))
    assert len(rates(first)) == GENERATION  # no two drawn numbers are alike
    assert len(rates(first) & rates(second)) >= 2
    assert (rates(second) - rates(first)) & rates(third)  # the third has parents of the second


def test_what_a_later_generation_of_nsga2_beats_breeds_no_more() -> None:
    asked = space("nsga2", RATES)
    first, second = (
        [
            Tried(
                sample={RATE: start * (1 + place / 100), DROPOUT: place / 100},
                state=TrialState.COMPLETE,
                objectives=(wer, wer, wer),
            )
            for place in range(GENERATION)
        ]
        for start, wer in ((1e-3, 0.9), (1e-4, 0.1))
    )
    numbers = range(2 * GENERATION, 4 * GENERATION)
    children = [
        propose(Axes(asked, SMALL), [*first, *second], search=asked.search, number=number) for number in numbers
    ]
    bred = rates([Tried(sample=child or {}, state=TrialState.RUNNING) for child in children])
    assert len(bred & rates(second)) >= 3
    assert not bred & rates(first)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_a_study_that_was_killed_proposes_what_it_would_have_proposed(sampler: str) -> None:
    whole = searched(space(sampler, RATES), 20)
    assert searched(space(sampler, RATES), 20, start=whole[:13]) == whole


def test_tpe_comes_closer_to_the_front() -> None:
    found = searched(space("tpe", RATES), 40)
    first, later = (median(one.objectives[0] for one in some) for some in (found[:10], found[10:]))
    assert later < first - 0.04


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_what_a_split_costs_is_learnt_where_memory_is_an_objective(sampler: str) -> None:
    ours, even = (searched(space(one, SPLITS), 40, measured=to_small_pieces)[8:] for one in (sampler, "random"))
    assert median(int(str(one.sample[BATCH])) for one in ours) <= 2
    assert median(int(str(one.sample[BATCH])) for one in even) >= 4


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_what_was_pruned_failed_or_still_runs_is_part_of_the_history(sampler: str) -> None:
    asked = space(sampler, RATES)
    whole = searched(asked, 12)
    others = [
        Tried(sample=whole[3].sample, state=TrialState.PRUNED, intermediate={100: 0.01}),
        Tried(sample=whole[4].sample, state=TrialState.FAIL),
        Tried(sample=whole[5].sample, state=TrialState.RUNNING),
    ]
    assert propose(Axes(asked, SMALL), [*whole[:3], *others, *whole[6:]], search=asked.search, number=12) is not None


def test_nsga2_breeds_on_though_the_baseline_lies_outside_the_space() -> None:
    listed = {"training.schedule": {"values": ["cosine", "constant"]}, **RATES}
    found = searched(space("nsga2", listed), 2 * GENERATION + 1)
    assert len(rates(found[1 : 1 + GENERATION]) & rates(found[1 + GENERATION :])) >= 2


def ended(number: int, *, outcome: Outcome = Outcome.COMPLETED, **fields: object) -> TrialRecord:
    return record(number, TINY, outcome=outcome, **fields)


FRONT = [
    ended(0, eval_wer=0.30, peak_memory_reserved_gib=4.0, train_examples_per_s=50.0),
    ended(1, eval_wer=0.20, peak_memory_reserved_gib=6.0, train_examples_per_s=40.0),  # the best WER
    ended(2, eval_wer=0.31, peak_memory_reserved_gib=4.0, train_examples_per_s=50.0),  # beaten by the first
    ended(3, eval_wer=0.40, peak_memory_reserved_gib=7.0, train_examples_per_s=90.0),  # the fastest
    ended(4, eval_wer=0.10, peak_memory_reserved_gib=9.0, train_examples_per_s=90.0),  # over the limit
    ended(5, eval_wer=0.01, peak_memory_reserved_gib=1.0, train_examples_per_s=99.0, outcome=Outcome.PRUNED),
    ended(6, eval_wer=0.01, peak_memory_reserved_gib=1.0, train_examples_per_s=99.0, outcome=Outcome.DIVERGED),
    ended(7, peak_memory_reserved_gib=1.0, train_examples_per_s=99.0, outcome=Outcome.OUT_OF_MEMORY),
    ended(8, outcome=Outcome.NOT_STARTED, predicted_memory_gib=1.0),
    ended(9, outcome=Outcome.FAILED),
]


@pytest.fixture
def told(tmp_path: Path) -> optuna.Study:
    """As optuna-dashboard opens it."""
    kept = history(tmp_path, objective="pareto", memory_limit_gib=8.0)
    for one in FRONT:
        kept.end(one)
    Projection(kept, tmp_path).close()
    return optuna.load_study(study_name=tmp_path.name, storage=f"sqlite:///{tmp_path / 'optuna.db'}")


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_study_in_optuna_db_has_three_named_objectives(told: optuna.Study) -> None:
    assert told.directions == [optuna.study.StudyDirection.MINIMIZE] * 3
    assert told.metric_names == ["WER", *MEASURES[1:]]
    assert told.trials[0].values == [0.30, 4.0, 20.0]  # a thousand clips at 50 a second


def test_its_front_is_ours_and_holds_completed_trials_within_the_limit_alone(told: optuna.Study) -> None:
    assert sorted(trial.number for trial in told.best_trials) == [0, 1, 3]
    assert [one.number for one in pareto_front(FRONT, memory_limit_gib=8.0)] == [1, 0, 3]  # lowest WER first
    assert [one.number for one in pareto_front(FRONT)] == [4, 1, 0, 3]


def test_pruned_trials_are_told_as_pruned_and_lost_ones_as_infeasible_and_worst(told: optuna.Study) -> None:
    assert told.trials[5].state == TrialState.PRUNED
    assert told.trials[9].state == TrialState.FAIL
    assert [tuple(told.trials[number].values) for number in (6, 7, 8)] == [WORST_MEASURES] * 3
    assert [max(told.trials[number].constraints.values()) > 0 for number in (4, 6, 7, 8)] == [True] * 4


def test_no_measure_that_optuna_is_told_is_ever_missing_or_without_end() -> None:
    unknown = [ended(0, outcome=outcome) for outcome in Outcome]
    assert {measures_of(one) for one in unknown} == {WORST_MEASURES}
    assert measures_of(ended(0, eval_wer=37.0, peak_memory_reserved_gib=2.0, train_examples_per_s=1e-9)) == (
        10.0,
        2.0,
        100_000.0,
    )


def test_rungs_survive_a_kill_though_optuna_takes_no_reports_of_several_objectives(tmp_path: Path) -> None:
    killed = history(tmp_path, objective="pareto")
    killed.start(killed.axes.baseline_sample)
    killed.score(0, examples_seen=100, objective=0.4)
    killed.score(0, examples_seen=300, objective=0.3)
    Projection(killed, tmp_path).close()
    assert history(tmp_path, objective="pareto").objectives() == {(0, 100): 0.4, (0, 300): 0.3}


def test_a_pruned_trial_without_a_report_gets_its_last_word_as_one(told: optuna.Study, tmp_path: Path) -> None:
    assert history(tmp_path, objective="pareto").objectives()[5, 0] == 0.01
