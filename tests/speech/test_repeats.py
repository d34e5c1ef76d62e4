"""Weights: how often an epoch hears each clip of a source, and in which order."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytrain.config.baseline import Audio
from raytrain.speech.batches import BatchPlan

DURATIONS = np.random.default_rng(0).uniform(0.5, 12.0, 600)
WEIGHTS = st.one_of(st.floats(0.01, 6), st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 3.0]))


def plan(sizes: list[int], weights: list[float], *, effective: int = 8, seed: int = 0) -> BatchPlan:
    """Sources of these many clips each, one after the other."""
    sources = np.repeat(np.arange(len(sizes)), sizes)
    return BatchPlan(
        DURATIONS[: sum(sizes)], effective_batch_size=effective, seed=seed, audio=Audio(), sources=sources,
        weights=weights,
    )  # fmt: skip


def batches(some: BatchPlan, epoch: int) -> list[list[int]]:
    first = epoch * some.steps_per_epoch
    return [some.batch(step).indices.tolist() for step in range(first, first + some.steps_per_epoch)]


def heard(some: BatchPlan, epoch: int) -> Counter[int]:
    return Counter(clip for batch in batches(some, epoch) for clip in batch)


@given(
    sources=st.lists(st.tuples(st.integers(1, 60), WEIGHTS), min_size=1, max_size=4),
    effective=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_epoch_hears_each_clip_as_often_as_its_weight_rounded_down_or_up(
    sources: list[tuple[int, float]], effective: int, seed: int
) -> None:
    sizes, weights = [size for size, _ in sources], [weight for _, weight in sources]
    some = plan(sizes, weights, effective=effective, seed=seed)
    of = np.repeat(np.arange(len(sizes)), sizes)
    epochs = [heard(some, epoch) for epoch in range(3)]
    for times in epochs:
        assert times.total() == some.examples_per_epoch
        for clip, source in enumerate(of):
            assert math.floor(weights[source]) <= times[clip] <= math.ceil(weights[source])
        for source, (size, weight) in enumerate(sources):
            whole = sum(times[clip] for clip in np.flatnonzero(of == source))
            assert abs(whole - size * weight) <= 1  # half a clip, or one where it would be none
    over_all = sum(epochs, Counter())
    for source in range(len(sizes)):
        counts = [over_all[clip] for clip in np.flatnonzero(of == source)]
        assert max(counts) - min(counts) <= 1  # they take turns


def test_of_a_weight_of_a_half_two_epochs_hear_everything_once() -> None:
    some = plan([30, 40], [1.0, 0.5])
    first, second = (set(heard(some, epoch)) - set(range(30)) for epoch in (0, 1))
    assert len(first) == len(second) == 20
    assert first | second == set(range(30, 70))
    assert first != set(heard(plan([30, 40], [1.0, 0.5], seed=1), 0)) - set(range(30))


@given(size=st.integers(1, 300), cut=st.integers(0, 300), effective=st.integers(1, 40), seed=st.integers(0, 9))
def test_sources_heard_once_are_drawn_as_one_manifest_of_the_same_lines(
    size: int, cut: int, effective: int, seed: int
) -> None:
    cut = min(cut, size)
    several = plan([cut, size - cut], [1.0, 1.0], effective=effective, seed=seed)
    one = BatchPlan(DURATIONS[:size], effective_batch_size=effective, seed=seed, audio=Audio())
    assert [batches(several, epoch) for epoch in (0, 1)] == [batches(one, epoch) for epoch in (0, 1)]


def test_the_order_of_one_manifest_is_what_it_always_was() -> None:
    one = BatchPlan(DURATIONS[:10], effective_batch_size=4, seed=42, audio=Audio())
    random = np.random.default_rng([42, 0, 0])
    order = random.permutation(np.arange(10))
    pool = order[:8][np.argsort(DURATIONS[order[:8]], kind="stable")]
    pairs = [pool[:4].tolist(), pool[4:].tolist()]
    assert batches(one, 0) == [*(pairs[place] for place in random.permutation(2)), order[8:].tolist()]


@pytest.mark.parametrize("weights", [[1.0, 2.0], [0.5, 3.0], [1.5, 1.0]])
def test_the_times_of_one_clip_are_spread_over_the_epoch(weights: list[float]) -> None:
    some = plan([200, 200], weights)
    for epoch in range(3):
        doubled = sum(len(batch) - len(set(batch)) for batch in batches(some, epoch))
        assert doubled <= 0.01 * some.examples_per_epoch


@given(steps=st.integers(0, 300), effective=st.integers(1, 40), weight=WEIGHTS)
def test_examples_and_steps_convert_both_ways(steps: int, effective: int, weight: float) -> None:
    some = plan([40, 25], [1.0, weight], effective=effective)
    assert some.examples_after(steps) == sum(len(some.batch(step).indices) for step in range(steps))
    assert some.steps_for(some.examples_after(steps)) == steps
    assert some.steps_for(some.examples_after(steps) + 1) == steps + 1


def test_weights_are_of_what_trains_and_of_nothing_else() -> None:
    sources = np.repeat([0, 1], 50)
    indices = np.flatnonzero(np.arange(100) % 5)
    some = BatchPlan(
        DURATIONS[:100], effective_batch_size=8, seed=0, audio=Audio(), indices=indices, sources=sources,
        weights=[1.0, 0.5],
    )  # fmt: skip
    times = heard(some, 0)
    assert set(times) <= set(indices.tolist())
    assert (some.examples_per_epoch, sum(clip >= 50 for clip in times)) == (60, 20)
