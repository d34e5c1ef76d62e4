"""What a seed draws is the same in every version: otherwise no old run could be repeated."""

import numpy as np
import torch

from raytrain.config.baseline import Audio
from raytrain.config.random_streams import RandomStream
from raytrain.speech.batches import BatchPlan
from raytrain.training.augment import spec_augment
from raytrain.training.scoring import drawn

SEED = 7


def test_every_stream_has_a_number_of_its_own_that_never_changes() -> None:
    numbers = {"ORDER": 0, "EXTRA_WINDOW": 1, "SPEC_AUGMENT": 2, "DROPOUT": 3, "SCORED": 4}
    streams = {name: int(stream) for name, stream in RandomStream.__members__.items()}
    assert streams | numbers == streams  # others may be added, with numbers of their own
    assert len(set(streams.values())) == len(streams)


def test_the_order_and_the_windows_of_training_are_those_of_earlier_versions() -> None:
    plan = BatchPlan(np.arange(1, 21) / 4, effective_batch_size=4, seed=SEED, audio=Audio(window="fitted"))
    assert [plan.batch(step).indices.tolist() for step in (7, 8)] == [[8, 9, 10, 11], [0, 1, 2, 3]]
    assert plan.batch(8).extra_s == 0.6609480163761741


def test_masks_are_those_of_earlier_versions() -> None:
    mel = torch.arange(80 * 300.0).reshape(1, 80, 300)
    masked = spec_augment(mel, "basic", clip_frames=[300], utterances=[4], seed=SEED, step=2)[0] != mel[0]
    assert masked.all(dim=1).nonzero().flatten().tolist() == [77]
    assert masked.all(dim=0).nonzero().flatten().tolist() == list(range(274, 287))


def test_the_utterances_scored_are_those_of_earlier_versions() -> None:
    assert drawn(np.arange(20), 4, seed=SEED).tolist() == [3, 5, 9, 14]
