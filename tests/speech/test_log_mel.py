"""Our log-mel against Hugging Face's, and what a fitted window must hold to."""

from pathlib import Path

import numpy as np
import pytest
import torch
from recordings import tone

from raytrain.speech.corpus import prepare
from raytrain.speech.log_mel import _in_groups, log_mel, log_mel_of, side_by_side
from raytrain.speech.manifest import DEMO_MANIFEST


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """Speech, noise, a tone, silence, nothing, a full window and more than one."""
    demo = prepare(DEMO_MANIFEST, cache=tmp_path_factory.mktemp("cache"))
    noise = np.random.default_rng(0).normal(scale=0.1, size=480_300).astype(np.float32)
    edges = [noise[:479_900], noise[:480_000], noise[:159], np.zeros(0, np.float32), np.zeros(16_000, np.float32)]
    return [demo.audio(0), demo.audio(100), tone(3.0), noise, *edges]


@pytest.mark.parametrize("num_mel_bins", [80, 128])
def test_at_30_s_it_equals_hugging_faces_extractor(clips: list[np.ndarray], num_mel_bins: int) -> None:
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=num_mel_bins)
    theirs = np.concatenate([extractor(clip, sampling_rate=16_000).input_features for clip in clips])
    ours = log_mel(clips, frames=3000, num_mel_bins=num_mel_bins)
    assert ours.shape == (len(clips), num_mel_bins, 3000)
    assert ours.dtype == torch.float32
    assert np.abs(ours.numpy() - theirs).max() < 1e-4


@pytest.mark.parametrize("frames", [2, 100, 414, 3000])
def test_a_clip_alone_has_the_values_it_has_in_a_batch(clips: list[np.ndarray], frames: int) -> None:
    together = log_mel(clips, frames=frames)
    alone = torch.cat([log_mel([clip], frames=frames) for clip in clips])
    assert torch.equal(together, alone)


@pytest.mark.parametrize("frames", [2, 100, 414, 3000])
def test_clips_made_together_as_on_a_gpu_have_the_same_values(clips: list[np.ndarray], frames: int) -> None:
    together = _in_groups(side_by_side(clips, frames=frames), 80, at_once=len(clips))
    by_four = _in_groups(side_by_side(clips, frames=frames), 80, at_once=4)
    alone = log_mel(clips, frames=frames)
    assert torch.allclose(together, alone, atol=1e-5, rtol=0)
    assert torch.allclose(by_four, alone, atol=1e-5, rtol=0)


def test_sound_as_it_is_kept_gives_the_very_same_values(tmp_path: Path) -> None:
    demo = prepare(DEMO_MANIFEST, cache=tmp_path)
    kept = side_by_side([demo.samples(index) for index in range(8)], frames=300)
    assert kept.samples.dtype == torch.int16
    assert torch.equal(
        log_mel_of(kept, num_mel_bins=80), log_mel([demo.audio(index) for index in range(8)], frames=300)
    )


def test_a_shorter_window_shows_the_same_frames(clips: list[np.ndarray]) -> None:
    fitted, full = log_mel(clips[:3], frames=400), log_mel(clips[:3], frames=3000)
    assert torch.allclose(fitted, full[..., :400], atol=1e-5)


def test_frames_that_hear_only_padding_have_one_value(clips: list[np.ndarray]) -> None:
    (mel,) = log_mel([clips[2]], frames=1000)
    assert mel[:, 302:].unique().numel() == 1


def test_a_longer_clip_is_cut_to_the_window() -> None:
    long = np.random.default_rng(1).normal(scale=0.1, size=160_000).astype(np.float32)
    assert torch.equal(log_mel([long], frames=500), log_mel([long[:80_000]], frames=500))


def test_an_empty_batch_is_empty() -> None:
    assert log_mel([], frames=300).shape == (0, 80, 300)


def test_a_window_shorter_than_one_transform_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter than one Fourier transform"):
        log_mel([tone(0.1)], frames=1)


def test_the_spectrum_of_a_tone_peaks_at_its_pitch() -> None:
    low, high = (int(log_mel([tone(1.0, hz=hz)], frames=100)[0, :, 50].argmax()) for hz in (200, 2000))
    assert low < 10 < 40 < high < 60
