"""Proposals: inside the window, at both ends of it, none twice, and the same again for the same seed and history."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from raytrain.config.reader import load_baseline
from raytrain.config.space import Search, SearchSpace
from raytrain.search.axes import Axes, Sample
from raytrain.search.encoding import Tried, Wanted
from raytrain.search.identity import identity
from raytrain.search.optuna_samplers import _GENERATION, _history, _num_good
from raytrain.search.sampler import propose, to_learn_from
from raytrain.search.splits import Splits

BATCH, ACCUMULATION, RATE = "training.batch_size", "training.gradient_accumulation_steps", "training.learning_rate"
SMALL = load_baseline("small")


def space(vary: dict[str, Any], *, keep: dict[str, Any] | None = None, **search: Any) -> SearchSpace:
    window = {"effective_batch_size": keep} if keep else {}
    return SearchSpace.model_validate({"vary": vary, "keep": window, "search": search})


BATCHING = space(
    {BATCH: {"values": [1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32]}, ACCUMULATION: {"low": 1, "high": 36}},
    keep={"low": 16, "high": 96},
)


def run(asked: SearchSpace, count: int, *, objective: Any = None) -> list[Sample]:
    """A serial study in which every sample is completed; fewer samples when the space is exhausted."""
    axes = Axes(asked, SMALL)
    tried: list[Tried] = []
    for number in range(count):
        sample = propose(axes, tried, search=asked.search, number=number)
        if sample is None:
            break
        value = objective(sample) if objective else 0.5
        tried.append(Tried(sample=sample, state=TrialState.COMPLETE, objectives=(value,)))
    return [one.sample for one in tried]


def effective(sample: Sample) -> int:
    return sample[BATCH] * sample[ACCUMULATION]  # type: ignore[operator,return-value]


@settings(max_examples=15, deadline=None)
@given(
    batches=st.sets(st.integers(1, 64), min_size=1, max_size=8),
    most=st.integers(1, 40),
    ends=st.tuples(st.integers(1, 128), st.integers(1, 128)),
    seed=st.integers(0, 1000),
    sampler=st.sampled_from(["gp", "tpe", "random"]),
)
def test_no_proposal_leaves_the_window(
    batches: set[int], most: int, ends: tuple[int, int], seed: int, sampler: str
) -> None:
    low, high = sorted(ends)
    low = min(low, max(batches))  # so that something reaches it
    high = max(high, max(batches))
    vary = {BATCH: {"values": sorted(batches)}, ACCUMULATION: {"low": 1, "high": most}}
    samples = run(space(vary, keep={"low": low, "high": high}, seed=seed, sampler=sampler), 8)
    assert samples
    assert all(low <= effective(sample) <= high for sample in samples)


def test_both_ends_of_every_range_are_reached() -> None:
    asked = space(
        {BATCH: {"values": [2, 4, 8]}, ACCUMULATION: {"low": 2, "high": 5}, "model.dropout": {"values": [0.0, 0.1]}}
    )
    samples = run(asked, 24)
    assert {sample[BATCH] for sample in samples} == {2, 4, 8}
    assert {sample[ACCUMULATION] for sample in samples} == {2, 3, 4, 5}
    assert {sample["model.dropout"] for sample in samples} == {0.0, 0.1}


def test_no_point_is_proposed_twice_and_an_exhausted_space_says_so() -> None:
    samples = run(space({BATCH: {"values": [4, 8, 12]}, ACCUMULATION: {"values": [1, 2, 3]}}), 24)
    assert len(samples) == len({tuple(sample.items()) for sample in samples}) == 9


def test_the_same_seed_and_history_give_the_same_study() -> None:
    first = run(BATCHING, 14, objective=lambda sample: effective(sample) / 100)
    assert run(BATCHING, 14, objective=lambda sample: effective(sample) / 100) == first


def test_another_seed_gives_another_study() -> None:
    other = BATCHING.model_copy(update={"search": BATCHING.search.model_copy(update={"seed": 1})})
    assert run(other, 6) != run(BATCHING, 6)


def test_the_sampler_learns_where_the_objective_is_low() -> None:
    asked = space({RATE: {"low": 1e-6, "high": 1e-3, "log": True}}, trials=30)
    samples = run(asked, 30, objective=lambda sample: abs(float(sample[RATE]) - 2e-5) * 1e4)
    late = sorted(abs(float(sample[RATE]) - 2e-5) for sample in samples[15:])  # type: ignore[arg-type]
    assert late[len(late) // 2] < 3e-5


def test_a_sampler_of_another_name_never_runs_as_tpe() -> None:
    search = BATCHING.search.model_copy(update={"sampler": "grid"})
    with pytest.raises(AssertionError, match="grid"):
        propose(Axes(BATCHING, SMALL), [], search=search, number=1)


def test_what_will_not_fit_is_never_proposed_and_all_that_does_is() -> None:
    asked = space({BATCH: {"values": [4, 8, 12]}, ACCUMULATION: {"values": [1, 2, 3]}})
    axes = Axes(asked, SMALL)
    tried: list[Tried] = []
    for number in range(6):
        sample = propose(axes, tried, search=asked.search, number=number, fits=lambda sample: sample[BATCH] != 12)
        assert sample is not None
        tried.append(Tried(sample=sample, state=TrialState.COMPLETE, objectives=(0.5,)))
    assert {one.sample[BATCH] for one in tried} == {4, 8}
    assert propose(axes, tried, search=asked.search, number=6, fits=lambda sample: sample[BATCH] != 12) is None


@pytest.mark.parametrize("sampler", ["gp", "tpe", "random"])
def test_where_nothing_fits_nothing_is_proposed_before_anything_was_tried(sampler: str) -> None:
    search = BATCHING.search.model_copy(update={"sampler": sampler})
    assert propose(Axes(BATCHING, SMALL), [], search=search, number=0, fits=lambda sample: False) is None


def test_a_new_effective_batch_comes_before_another_split_of_one_that_was_tried() -> None:
    asked = space({BATCH: {"values": [1, 2, 4, 8]}, ACCUMULATION: {"low": 1, "high": 9}}, keep={"low": 8, "high": 9})
    axes = Axes(asked, SMALL)
    tried = [Tried(sample={BATCH: 2, ACCUMULATION: 4}, state=TrialState.COMPLETE, objectives=(0.1,))]
    new = {BATCH: 1, ACCUMULATION: 9}
    assert [propose(axes, tried, search=asked.search, number=number) for number in range(1, 6)] == [new] * 5
    tried.append(Tried(sample=new, state=TrialState.COMPLETE, objectives=(0.2,)))
    again = propose(axes, tried, search=asked.search, number=2)
    assert again is not None
    assert effective(again) == 8


def as_told(axes: Axes, tried: list[Tried], *, search: Search) -> list[FrozenTrial]:
    """The history as Optuna's samplers are given it."""
    told = to_learn_from(axes, tried, search=search)
    return _history(axes, told, is_pareto=search.is_pareto, takes_over=search.sampler == "nsga2")


def sizes_after(asked: SearchSpace, tried: list[Tried]) -> set[int]:
    """Effective batches that thirty seeds propose next, by draws from all over the window."""
    axes = Axes(asked, SMALL)
    search = asked.search.model_copy(update={"sampler": "tpe"})
    samples = [propose(axes, tried, search=search, number=number) for number in range(1, 31)]
    return {effective(sample) for sample in samples if sample is not None}


TRAINED = Tried(sample={BATCH: 12, ACCUMULATION: 3}, state=TrialState.COMPLETE, objectives=(0.2,), was_trained=True)


def test_near_a_trained_effective_batch_only_its_other_splits_are_proposed() -> None:
    assert {size for size in sizes_after(BATCHING, [TRAINED]) if 33 <= size <= 39} == {36}


def test_of_sizes_about_alike_the_one_with_most_splits_is_trained() -> None:
    assert not sizes_after(BATCHING, [TRAINED]) & {17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73}


def test_without_reuse_every_size_near_a_trained_one_is_trained_too() -> None:
    search = BATCHING.search.model_copy(update={"reuse_equivalent": False})
    sizes = sizes_after(BATCHING.model_copy(update={"search": search}), [TRAINED])
    assert 36 not in sizes
    assert len([size for size in sizes if 31 <= size <= 41]) >= 2


def test_a_training_told_of_by_three_splits_weighs_as_one() -> None:
    splits = ((12, 3), (6, 6), (3, 12))
    thrice = [replace(TRAINED, sample={BATCH: batch, ACCUMULATION: steps}) for batch, steps in splits]
    axes = Axes(BATCHING, SMALL)
    assert len(as_told(axes, thrice, search=BATCHING.search)) == 1
    over = [replace(thrice[0], violation=1.0), replace(thrice[1], violation=-2.0)]
    assert [one.constraints for one in as_told(axes, over, search=BATCHING.search)] == [{"violation": -2.0}]


def completed(batch: int, **known: Any) -> Tried:
    values = {"sample": {BATCH: batch, ACCUMULATION: 3}, "state": TrialState.COMPLETE, "objectives": (0.2,)}
    return Tried(**{**values, **known})  # type: ignore[arg-type]


def learnt_from(tried: list[Tried], **search: Any) -> list[int]:
    """Effective batches that the sampler learns from."""
    asked = BATCHING.search.model_copy(update=search)
    return [round(one.params["effective_batch_size"]) for one in as_told(Axes(BATCHING, SMALL), tried, search=asked)]


def test_of_trainings_that_keep_the_limit_alike_the_first_is_learnt_from_and_what_was_not_trained_stays() -> None:
    alike = [completed(12, was_trained=True, objectives=(wer,), violation=-1.0) for wer in (0.2, 0.4)]
    kept = as_told(Axes(BATCHING, SMALL), alike, search=BATCHING.search)
    assert [one.value for one in kept] == [0.2]
    lost = [
        completed(12, sample={BATCH: batch, ACCUMULATION: 36 // batch}, objectives=(10.0,), violation=1.0)
        for batch in (6, 12)
    ]
    assert learnt_from([alike[0], *lost]) == [36, 36, 36]  # each split that did not fit is a fact of its own


def test_a_front_and_a_study_that_repeats_trainings_learn_from_every_one() -> None:
    alike = [completed(12, was_trained=True), completed(12, was_trained=True)]
    assert learnt_from(alike, reuse_equivalent=False) == [36, 36]
    front = [replace(one, objectives=(0.2, 4.0, 20.0)) for one in alike]
    assert learnt_from(front, objective="pareto", sampler="nsga2") == [36, 36]


def test_a_failure_of_ours_teaches_nothing() -> None:
    failed = completed(24, state=TrialState.FAIL, objectives=())
    assert learnt_from([failed, completed(12)]) == [36]


def test_generations_are_counted_by_what_was_completed() -> None:
    batches = [1, 2, 3, 4, 6, 8, 9, 12, 16, 18]
    tried = [completed(batch) for batch in batches]
    tried.insert(3, completed(24, state=TrialState.RUNNING, objectives=()))
    search = BATCHING.search.model_copy(update={"sampler": "nsga2"})
    found = [one.system_attrs[_GENERATION] for one in as_told(Axes(BATCHING, SMALL), tried, search=search)]
    assert found == [0] * 9 + [1] * 2


def test_what_nsga2_cannot_take_over_is_left_out_for_it_alone() -> None:
    asked = space({BATCH: {"values": [4, 8]}, "training.schedule": {"values": ["cosine"]}})
    axes = Axes(asked, SMALL)
    tried = [
        Tried(sample={BATCH: batch, "training.schedule": schedule}, state=TrialState.COMPLETE, objectives=(0.2,))
        for batch, schedule in ((12, "linear"), (4, "cosine"))
    ]
    learnt = {
        sampler: len(as_told(axes, tried, search=asked.search.model_copy(update={"sampler": sampler})))
        for sampler in ("tpe", "nsga2")
    }
    assert learnt == {"tpe": 2, "nsga2": 1}


def test_at_least_two_trials_are_good_and_of_many_the_square_root() -> None:
    assert [_num_good(trials) for trials in (1, 5, 9, 20, 100)] == [2, 2, 3, 4, 10]


def test_a_rate_that_came_back_from_its_logarithm_is_the_same_sample() -> None:
    sample: Sample = {RATE: 1.6e-5, BATCH: 4}
    assert identity(sample) == identity({BATCH: 4, RATE: math.exp(math.log(1.6e-5)) * (1 + 1e-13)})
    assert identity(sample) != identity({BATCH: 4, RATE: 1.60001e-5})


def split_of(size: float, asked: SearchSpace, tried: list[Tried], *, seed: int = 0, **others: float) -> Sample:
    """How an effective batch of about this size is made, where any split will do."""
    splits = Splits(Axes(asked, SMALL), tried, search=asked.search, fits=lambda sample: True, seed=seed)
    sample = splits.complete(Wanted(size=size, micro_batch=None, others=dict(others)))
    assert sample is not None
    return sample


SINGLE_OR_PAIRS = {BATCH: {"values": [1, 2]}, ACCUMULATION: {"low": 1, "high": 41}}


def trained_singly(*sizes: int, **others: float) -> list[Tried]:
    samples: list[Sample] = [{BATCH: 1, ACCUMULATION: size, **others} for size in sizes]
    return [Tried(sample=one, state=TrialState.COMPLETE, objectives=(0.2,), was_trained=True) for one in samples]


def test_of_trained_sizes_about_as_large_the_nearest_is_probed() -> None:
    asked = space(SINGLE_OR_PAIRS, keep={"low": 20, "high": 41})
    tried = trained_singly(34, 38)
    assert split_of(35, asked, tried) == {BATCH: 2, ACCUMULATION: 17}
    assert split_of(37, asked, tried) == {BATCH: 2, ACCUMULATION: 19}
    assert effective(split_of(25, asked, tried)) in (22, 24, 26, 28)  # none is near: one with two splits is trained
    probed = [*tried, Tried(sample={BATCH: 2, ACCUMULATION: 17}, state=TrialState.RUNNING)]
    assert split_of(35, asked, probed) == {BATCH: 2, ACCUMULATION: 19}  # nothing is left to probe of the nearest


def test_what_was_trained_with_other_values_is_not_probed() -> None:
    dropout = "model.dropout"
    asked = space({**SINGLE_OR_PAIRS, dropout: {"values": [0.0, 0.1]}}, keep={"low": 20, "high": 41})
    tried = trained_singly(34, **{dropout: 0.1})
    assert split_of(34, asked, tried, **{dropout: 0.1}) == {BATCH: 2, ACCUMULATION: 17, dropout: 0.1}
    splits = [split_of(34, asked, tried, seed=seed, **{dropout: 0.0}) for seed in range(8)]
    assert {split[BATCH] for split in splits} == {1, 2}
    assert {effective(split) % 2 for split in splits} == {0}  # those that have two splits


def test_a_rate_drawn_from_a_range_comes_up_once_so_nothing_is_probed() -> None:
    asked = space({**SINGLE_OR_PAIRS, RATE: {"low": 1e-6, "high": 1e-4}}, keep={"low": 33, "high": 33})
    tried = trained_singly(33, **{RATE: 1e-5})
    assert split_of(33, asked, tried, **{RATE: 2e-5}) == {BATCH: 1, ACCUMULATION: 33, RATE: 2e-5}


def late_misses(sampler: str, *, told: bool) -> int:
    """Of the second twenty of forty, those over a limit that halves the range; the higher the rate, the better."""
    asked = space({RATE: {"low": 1e-6, "high": 1e-2, "log": True}}, trials=40, sampler=sampler)
    axes = Axes(asked, SMALL)
    excesses: list[float] = []
    tried: list[Tried] = []
    for number in range(40):
        sample = propose(axes, tried, search=asked.search, number=number)
        assert sample is not None
        rate = float(sample[RATE])  # type: ignore[arg-type]
        excesses.append(math.log10(rate) + 4)
        violation = excesses[-1] if told else None
        objectives = (1 - 0.2 * (excesses[-1] + 2),)
        tried.append(Tried(sample=sample, state=TrialState.COMPLETE, objectives=objectives, violation=violation))
    return sum(excess > 0 for excess in excesses[20:])


@pytest.mark.parametrize("sampler", ["gp", "tpe"])
def test_a_missed_limit_is_learnt_though_its_wer_is_the_best(sampler: str) -> None:
    assert late_misses(sampler, told=True) <= 12 < 16 <= late_misses(sampler, told=False)


def test_what_runs_pruned_and_failed_is_part_of_the_history() -> None:
    asked = space({BATCH: {"values": [4, 8, 12, 16]}}, trials=4)
    axes = Axes(asked, SMALL)
    tried = [
        Tried(sample={BATCH: 4}, state=TrialState.RUNNING),
        Tried(sample={BATCH: 8}, state=TrialState.PRUNED, intermediate={100: 0.6}),
        Tried(sample={BATCH: 16}, state=TrialState.FAIL),
    ]
    assert propose(axes, tried, search=asked.search, number=3) == {BATCH: 12}


def test_a_baseline_outside_the_space_teaches_and_is_not_proposed() -> None:
    asked = space({BATCH: {"values": [4, 8]}, "training.schedule": {"values": ["cosine"]}})
    axes = Axes(asked, SMALL)
    assert axes.baseline_sample == {BATCH: 12, "training.schedule": "linear"}
    baseline = Tried(sample=axes.baseline_sample, state=TrialState.COMPLETE, objectives=(0.2,))
    proposed = propose(axes, [baseline], search=asked.search, number=1)
    assert proposed is not None
    assert proposed[BATCH] in (4, 8)


@pytest.mark.parametrize("sampler", ["gp", "tpe", "random"])
def test_a_listed_text_a_switch_and_nothing_can_vary(sampler: str) -> None:
    vary = {"training.spec_augment": {"values": [None, "basic"]}, "model.freeze_encoder": {"values": [True, False]}}
    assert len(run(space(vary, sampler=sampler), 10)) == 4
