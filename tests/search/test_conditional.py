"""A study that chooses between full and adapter fine-tuning: both are reached, and a sample has its own keys alone."""

import math
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from raytrain.config.adapter import Adapter
from raytrain.config.reader import load_baseline, load_space
from raytrain.config.space import SearchSpace
from raytrain.results.records import WORST_OBJECTIVE
from raytrain.search.axes import Axes, Sample
from raytrain.search.coordinates import Coordinates
from raytrain.search.encoding import Tried, distributions, encoded
from raytrain.search.identity import identity
from raytrain.search.improvement import candidates
from raytrain.search.kernel import Kernel
from raytrain.search.knowledge import knowledge
from raytrain.search.resolve import resolve
from raytrain.search.sampler import propose
from raytrain.search.splits import Splits
from raytrain.search.stopping import prospect

KIND, RANK, TARGETS = "model.adapter.kind", "model.adapter.rank", "model.adapter.targets"
RATE, BATCH = "training.learning_rate", "training.batch_size"
FULL, ADAPTER = {KIND, RATE}, {KIND, RANK, TARGETS, RATE}
SMALL = load_baseline("small")
ADAPTED = load_baseline("small", ["model.adapter={rank: 8, alpha: 8}", "training.learning_rate=2e-4"])
BOTH = load_space("full-or-adapter", baseline=SMALL)
SAMPLERS = ["gp", "tpe", "random", "nsga2"]


def asked(sampler: str, space: SearchSpace = BOTH) -> SearchSpace:
    given = {"sampler": sampler, "objective": "pareto"} if sampler == "nsga2" else {"sampler": sampler}
    return space.model_copy(update={"search": space.search.model_copy(update=given)})


def error_of(sample: Sample) -> float:
    """An adapter is a little better, the higher its rank."""
    is_full = sample[KIND] is None
    rate: Any = sample[RATE]
    rank: Any = sample.get(RANK, 8)
    best = 1.5e-5 if is_full else 2e-4
    return (0.10 if is_full else 0.097) * (1 + 0.1 * math.log(rate / best) ** 2 - 0.01 * math.log2(rank / 8))


def drawn_at_random(axes: Axes, count: int) -> list[Sample]:
    search = asked("random").search
    return [propose(axes, [], search=search, number=number) or {} for number in range(count)]


def run(space: SearchSpace, count: int, *, baseline: Any = SMALL) -> list[Sample]:
    """A serial study from the baseline on."""
    axes = Axes(space, baseline)
    tried: list[Tried] = []
    for number in range(count):
        sample = propose(axes, tried, search=space.search, number=number) if number else axes.baseline_sample
        assert sample is not None
        values = (error_of(sample), 5.0, 10.0) if space.search.is_pareto else (error_of(sample),)
        tried.append(Tried(sample=sample, state=TrialState.COMPLETE, objectives=values))
    return [one.sample for one in tried]


@pytest.mark.parametrize("baseline", [SMALL, ADAPTED], ids=["full", "adapter"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_both_branches_are_reached_and_no_sample_has_a_key_of_the_other(sampler: str, baseline: Any) -> None:
    samples = run(asked(sampler), 24, baseline=baseline)
    full = [one for one in samples if one[KIND] is None]
    adapted = [one for one in samples if one[KIND] == "lora"]
    assert len(full) >= 3
    assert len(adapted) >= 3
    assert {frozenset(one) for one in full} == {frozenset(FULL)}
    assert {frozenset(one) for one in adapted} == {frozenset(ADAPTER)}
    assert len({identity(one) for one in samples}) == len(samples)


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
def test_a_rate_is_drawn_from_its_branch_s_own_range_to_both_ends(sampler: str) -> None:
    axes, space = Axes(BOTH, SMALL), asked(sampler)
    drawn = [propose(axes, [], search=space.search, number=number) or {} for number in range(150)]
    rates: dict[Any, list[Any]] = {kind: [one[RATE] for one in drawn if one[KIND] == kind] for kind in (None, "lora")}
    assert 3e-6 <= min(rates[None]) < 1e-5 < 3e-5 < max(rates[None]) <= 1e-4
    assert 1e-5 <= min(rates["lora"]) < 3e-5 < 3e-4 < max(rates["lora"]) <= 1e-3
    assert {one[RANK] for one in drawn if RANK in one} == {8, 16, 32, 64}


def test_the_posterior_s_candidates_lie_in_both_branches_to_both_ends() -> None:
    axes = Axes(BOTH, SMALL)
    told = [Tried(sample=axes.baseline_sample, state=TrialState.COMPLETE, objectives=(0.1,))]
    splits = Splits(axes, told, search=BOTH.search, fits=lambda sample: True, seed=0)
    known = knowledge(axes, told, search=BOTH.search)
    wanted = [one.others for one in candidates(axes, known, splits, random=np.random.default_rng(0))]
    rates: dict[Any, list[Any]] = {kind: [one[RATE] for one in wanted if one[KIND] == kind] for kind in (None, "lora")}
    assert 3e-6 <= min(rates[None]) < 4e-6 < 9e-5 < max(rates[None]) <= 1e-4
    assert 1e-5 <= min(rates["lora"]) < 2e-5 < 9e-4 < max(rates["lora"]) <= 1e-3
    assert {frozenset(one) for one in wanted} == {frozenset(FULL), frozenset(ADAPTER)}


def test_the_baseline_is_the_first_trial_in_whichever_branch_it_lies() -> None:
    assert Axes(BOTH, SMALL).baseline_sample == {KIND: None, RATE: 1e-5}
    assert Axes(BOTH, ADAPTED).baseline_sample == {KIND: "lora", RANK: 8, TARGETS: "attention", RATE: 2e-4}


def test_a_full_baseline_stands_beside_a_space_of_adapters_alone() -> None:
    space = load_space("adapters", baseline=SMALL)
    axes = Axes(space, SMALL)
    assert axes.baseline_sample == {KIND: None, RATE: 1e-5}
    samples = run(space, 12)[1:]
    assert {one[KIND] for one in samples} == {"lora"}
    assert min(one[RATE] for one in samples) >= 1e-5  # type: ignore[type-var]


@pytest.mark.parametrize("sampler", ["gp", "tpe", "random"])
def test_where_full_fine_tuning_does_not_fit_only_adapters_are_proposed(sampler: str) -> None:
    axes, search = Axes(BOTH, SMALL), asked(sampler).search
    lost = Tried(sample=axes.baseline_sample, state=TrialState.COMPLETE, objectives=(WORST_OBJECTIVE,), violation=3.0)
    fits = [propose(axes, [lost], search=search, number=n, fits=lambda one: one[KIND] == "lora") for n in range(1, 9)]
    assert [one and one[KIND] for one in fits] == ["lora"] * 8


def test_the_same_history_and_seed_propose_the_same() -> None:
    assert run(BOTH, 9) == run(BOTH, 9)


def test_a_point_s_rate_is_its_distance_from_that_of_its_own_branch() -> None:
    coordinates = Coordinates(Axes(BOTH, SMALL), learning_rate_scaling="none")
    full, adapter = coordinates.of_samples(
        [{KIND: None, RATE: 2e-5}, {KIND: "lora", RANK: 8, TARGETS: "all", RATE: 2e-4}]
    )
    assert full[0] == pytest.approx(math.log(2))
    assert adapter[0] == pytest.approx(math.log(2))  # the baseline's, tenfold
    names = [column.key for column in coordinates.columns]
    assert [name for name, place in zip(names, full, strict=True) if math.isnan(place)] == [RANK, TARGETS, TARGETS]
    assert not np.isnan(adapter).any()


def test_a_bowl_and_the_effects_of_an_adapter_s_keys_say_nothing_of_full_fine_tuning() -> None:
    coordinates = Coordinates(Axes(BOTH, SMALL), learning_rate_scaling="none")
    kernel = Kernel(coordinates.columns)
    points = coordinates.of_samples(
        [
            {KIND: None, RATE: 4e-5},
            {KIND: "lora", RANK: 8, TARGETS: "all", RATE: 4e-4},
            {KIND: "lora", RANK: 8, TARGETS: "all", RATE: 2e-4},
        ]
    )
    scales = np.array([median for median, _ in kernel.priors])
    bowl, _, effects, _ = parts = kernel.parts(points, points)
    assert bowl[0, 1] == bowl[0, 2] == 0 < bowl[1, 2]
    of_kind, of_rank, of_targets = effects
    assert of_rank[0].tolist() == of_targets[0].tolist() == [0, 0, 0]
    assert of_rank[1].tolist() == [0, 1, 1]
    assert 0 < of_kind[0, 1] < 1
    covariance = kernel.covariance(parts, scales)
    assert np.diag(covariance) == pytest.approx(kernel.variance(points, scales))


def test_missing_keys_leave_a_covariance_that_functions_can_be_drawn_from() -> None:
    axes = Axes(BOTH, SMALL)
    drawn = drawn_at_random(axes, 120)
    coordinates = Coordinates(axes, learning_rate_scaling="none")
    kernel, points = Kernel(coordinates.columns), coordinates.of_samples(drawn)
    scales = np.array([median * math.exp(spread) for median, spread in kernel.priors])
    assert np.linalg.eigvalsh(kernel.covariance(kernel.parts(points, points), scales)).min() > -1e-10


def test_optuna_keeps_of_each_trial_the_names_of_its_branch() -> None:
    axes = Axes(BOTH, SMALL)
    samples: list[Sample] = [{KIND: None, RATE: 2e-5}, {KIND: "lora", RANK: 8, TARGETS: "all", RATE: 2e-4}]
    kept = [
        encoded(axes, Tried(sample=one, state=TrialState.RUNNING), is_pareto=False, system_attrs={}) for one in samples
    ]
    assert [set(one.params) for one in kept] == [
        {KIND, f"{RATE}.full"},
        {KIND, RANK, TARGETS, f"{RATE}.adapter"},
    ]
    assert kept[1].distributions == distributions(axes, "adapter", is_pareto=False)


@pytest.mark.parametrize("baseline", [SMALL, ADAPTED], ids=["full", "adapter"])
def test_a_sample_resolves_to_its_own_branch_and_keeps_what_is_not_drawn(baseline: Any) -> None:
    assert resolve(baseline, BOTH, {KIND: None, RATE: 1e-5}).model.adapter is None
    adapter = resolve(baseline, BOTH, {KIND: "lora", RANK: 64, TARGETS: "all", RATE: 1e-4}).model.adapter
    usual = baseline.model.adapter or Adapter()
    assert adapter == usual.model_copy(update={"rank": 64, "targets": "all"})


def test_a_search_of_two_branches_ends_by_itself() -> None:
    space = BOTH.model_copy(update={"search": BOTH.search.model_copy(update={"worth_wer": 0.005})})
    axes = Axes(space, SMALL)
    tried = [Tried(sample=one, state=TrialState.COMPLETE, objectives=(error_of(one),)) for one in run(space, 30)]
    found = prospect(axes, tried, search=space.search, number=30)
    assert found is not None
    assert 0 <= found.expected_gain < 0.005
