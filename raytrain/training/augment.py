"""Clips of sound in; their log-mels, augmented as `training` asks, out, on the device that the clips are on.

Every draw is keyed by (seed, step, utterance): the split into micro-batches, or over workers, changes none.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch

from raytrain.config.baseline import Training
from raytrain.config.random_streams import RandomStream
from raytrain.speech.log_mel import Sounds, log_mel_of

Policy = Literal["basic", "double"]
_MASKS = {"basic": 1, "double": 2}
"""Masks in frequency, and as many in time: policies LB and LD of Park et al. 2019, without their time warp, which they
found to matter least."""
_FREQUENCY_SHARE = 27 / 80
"""The widest mask in frequency: F = 27 of 80 mel bins."""
_TIME_FRAMES, _TIME_SHARE = 100, 0.08
"""The widest mask in time: T = 100 frames, and at most 8 % of the clip, as 100 frames are of LibriSpeech's mean
utterance of 12.3 s. Unscaled, one mask could swallow a child's whole word."""


def augmented_log_mel(
    sounds: Sounds,
    training: Training,
    *,
    num_mel_bins: int,
    clip_frames: Sequence[int],
    utterances: Sequence[int],
    step: int,
) -> torch.Tensor:
    """The clips as the encoder hears them in this step: what changes the sound comes before log-mels, masks after."""
    mel = log_mel_of(sounds, num_mel_bins=num_mel_bins)
    if training.spec_augment is not None:
        mel = spec_augment(
            mel,
            training.spec_augment,
            clip_frames=clip_frames,
            utterances=utterances,
            seed=training.seed,
            step=step,
        )
    return mel


def spec_augment(
    mel: torch.Tensor,
    policy: Policy,
    *,
    clip_frames: Sequence[int],
    utterances: Sequence[int],
    seed: int,
    step: int,
) -> torch.Tensor:
    """A copy of `mel` [B, bins, frames] with masks of the clip's mean, inside the clip and never in its padding.

    Where masks lie is drawn on the CPU, whatever device the mel is on, and no value is read back from there.
    """
    masked = mel.clone()
    for clip, frames, utterance in zip(masked, clip_frames, utterances, strict=True):
        bins, frames = clip.shape[0], min(frames, clip.shape[1])
        random = np.random.default_rng([seed, RandomStream.SPEC_AUGMENT, step, utterance])
        mean = clip[:, :frames].mean()
        widest = min(_TIME_FRAMES, round(_TIME_SHARE * frames))
        for _ in range(_MASKS[policy]):
            start, end = _mask(random, bins, widest=round(_FREQUENCY_SHARE * bins))
            clip[start:end, :frames] = mean
            start, end = _mask(random, frames, widest=widest)
            clip[:, start:end] = mean
    return masked


def _mask(random: np.random.Generator, length: int, *, widest: int) -> tuple[int, int]:
    width = int(random.integers(0, widest + 1))
    start = int(random.integers(0, length - width + 1))
    return start, start + width
