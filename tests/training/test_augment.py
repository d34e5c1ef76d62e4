"""SpecAugment's masks belong to (seed, step, utterance), and stay inside the clip."""

import numpy as np
import torch

from raytrain.training.augment import spec_augment

MEL = torch.from_numpy(np.random.default_rng(0).standard_normal((6, 80, 500)).astype(np.float32))
FRAMES = [300, 120, 500, 40, 300, 77]


def masked(which: list[int], *, policy: str = "double", seed: int = 1, step: int = 5) -> torch.Tensor:
    frames = [FRAMES[index] for index in which]
    return spec_augment(MEL[which], policy, clip_frames=frames, utterances=which, seed=seed, step=step)


def test_a_clip_is_masked_the_same_in_whatever_company() -> None:
    assert torch.equal(masked(list(range(6)))[3:5], masked([3, 4]))


def test_masks_change_with_the_step_and_the_seed() -> None:
    assert not torch.equal(masked([0]), masked([0], step=6))
    assert not torch.equal(masked([0]), masked([0], seed=2))


def test_the_padding_after_a_clip_is_never_masked() -> None:
    result = masked([1, 3])
    assert torch.equal(result[0, :, 120:], MEL[1, :, 120:])
    assert torch.equal(result[1, :, 40:], MEL[3, :, 40:])


def test_the_input_is_left_as_it_was() -> None:
    before = MEL.clone()
    masked(list(range(6)))
    assert torch.equal(MEL, before)


def test_masks_are_at_most_27_bins_and_8_percent_of_the_clip_wide() -> None:
    kept = torch.stack([masked([0], policy="basic", step=step)[0, :, :300] == MEL[0, :, :300] for step in range(300)])
    assert 24 <= (~kept).all(dim=1).sum(dim=1).max() <= 0.08 * 300
    assert 25 <= (~kept).all(dim=2).sum(dim=1).max() <= 27


def test_the_double_policy_masks_more_than_the_basic_one() -> None:
    changed = {
        policy: sum(int((masked([0], policy=policy, step=step) != MEL[[0]]).sum()) for step in range(50))
        for policy in ("basic", "double")
    }
    assert 1.5 < changed["double"] / changed["basic"] < 2.0
