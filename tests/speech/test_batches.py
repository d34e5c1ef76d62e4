"""Facts about the order of training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytrain.config.baseline import Audio
from raytrain.errors import InputError
from raytrain.speech.batches import BatchPlan
from raytrain.whisper.window import jittered_seconds

DURATIONS = np.random.default_rng(0).uniform(0.5, 12.0, 1003)


def plan(effective_batch_size: int = 36, *, seed: int = 7, audio: Audio = Audio(window="fitted"), **more) -> BatchPlan:  # noqa: B008
    return BatchPlan(DURATIONS, effective_batch_size=effective_batch_size, seed=seed, audio=audio, **more)


def drawn(some_plan: BatchPlan, steps: range) -> list[list[int]]:
    return [some_plan.batch(step).indices.tolist() for step in steps]


@given(utterances=st.integers(1, 400), size=st.integers(1, 70), epoch=st.integers(0, 3), seed=st.integers(0, 2**32 - 1))
def test_an_epoch_visits_every_utterance_exactly_once(utterances: int, size: int, epoch: int, seed: int) -> None:
    some = BatchPlan(DURATIONS[:utterances], effective_batch_size=size, seed=seed, audio=Audio())
    first = epoch * some.steps_per_epoch
    visited = np.concatenate([some.batch(step).indices for step in range(first, first + some.steps_per_epoch)])
    assert sorted(visited.tolist()) == list(range(utterances))


@given(steps=st.integers(0, 200), size=st.integers(1, 70), utterances=st.integers(1, 400))
def test_examples_and_steps_convert_both_ways(steps: int, size: int, utterances: int) -> None:
    some = BatchPlan(DURATIONS[:utterances], effective_batch_size=size, seed=0, audio=Audio())
    assert some.examples_after(steps) == sum(len(some.batch(step).indices) for step in range(steps))
    assert some.steps_for(some.examples_after(steps)) == steps
    assert some.steps_for(some.examples_after(steps) + 1) == steps + 1


def test_a_step_is_the_same_whether_or_not_the_steps_before_it_were_asked_for() -> None:
    walked, jumped = plan(), plan()
    drawn(walked, range(60))
    assert walked.batch(60).indices.tolist() == jumped.batch(60).indices.tolist()
    assert walked.batch(60).extra_s == jumped.batch(60).extra_s


def test_epochs_and_seeds_differ() -> None:
    some = plan()
    epoch = some.steps_per_epoch
    assert drawn(some, range(epoch)) != drawn(some, range(epoch, 2 * epoch))
    assert drawn(some, range(epoch)) != drawn(plan(seed=8), range(epoch))


def test_only_the_last_batch_of_an_epoch_is_short() -> None:
    sizes = [len(batch) for batch in drawn(plan(), range(28))]
    assert sizes == [36] * 27 + [1003 - 27 * 36]


def test_sorting_in_pools_keeps_the_padding_small() -> None:
    batches = [plan().batch(step) for step in range(28)]
    window = sum(batch.longest_s * len(batch.indices) for batch in batches)
    assert window < 1.12 * DURATIONS.sum()


def test_batches_do_not_come_in_order_of_length() -> None:
    longest = np.array([plan().batch(step).longest_s for step in range(20)])
    assert abs(np.corrcoef(longest, np.arange(20))[0, 1]) < 0.6


def test_the_extra_window_is_drawn_anew_each_step_within_the_jitter() -> None:
    extra = np.array([plan().batch(step).extra_s for step in range(300)])
    assert len(set(extra)) == 300
    assert 0 <= extra.min() < 0.05
    assert 0.95 < extra.max() <= 1


def test_without_jitter_there_is_no_extra_window() -> None:
    assert plan(audio=Audio(window="fitted", jitter_s=0.0)).batch(3).extra_s == 0


def test_clips_over_the_longest_window_are_left_out_and_counted() -> None:
    some = plan(audio=Audio(max_window_s=10.0))
    assert sorted(some.left_out) == np.flatnonzero(DURATIONS > 10).tolist()
    assert len(some.indices) + len(some.left_out) == 1003


def test_a_plan_of_a_part_draws_only_from_that_part() -> None:
    part = np.arange(100, 300)
    some = plan(indices=part)
    assert sorted(np.concatenate(drawn(some, range(some.steps_per_epoch)))) == part.tolist()


def test_nothing_to_train_on_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match="none of 1003 utterances"):
        plan(audio=Audio(max_window_s=0.1))


@pytest.mark.parametrize("audio", [Audio(), Audio(window="fitted", margin_s=0.64)], ids=lambda audio: audio.window)
def test_padding_is_at_most_3_percent_of_what_clips_margin_and_jitter_take(audio: Audio) -> None:
    durations_s = np.random.default_rng(0).gamma(shape=16, scale=2.6 / 16, size=5000)  # as of children's utterances
    batches = BatchPlan(durations_s, effective_batch_size=36, seed=0, audio=audio)
    padded_s = needed_s = 0.0
    for step in range(batches.steps_per_epoch):
        batch = batches.batch(step)
        window_s = jittered_seconds(batch.longest_s, audio, extra_s=batch.extra_s)
        padded_s += window_s * len(batch.indices)
        needed_s += sum(durations_s[batch.indices] + window_s - batch.longest_s)
    assert padded_s / needed_s <= 1.03
