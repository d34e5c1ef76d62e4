"""Whisper's log-mel spectrogram: clips at 16 kHz in, one [clips, mel, frames] tensor out, fitted to any window."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from raytrain.config.constants import FRAMES_PER_SECOND
from raytrain.speech.audio import SAMPLE_RATE

N_FFT, HOP = 400, SAMPLE_RATE // FRAMES_PER_SECOND
"""Samples of a Fourier transform, and from one to the next."""
_FLOOR = 1e-10


def log_mel(audio: Sequence[np.ndarray], *, frames: int, num_mel_bins: int = 80) -> torch.Tensor:
    """The clips, padded with silence (or cut) to `frames`; at 3000 equal to Hugging Face's WhisperFeatureExtractor.

    A clip's values depend on that clip and the window alone: the dynamic range is limited from each clip's own peak.
    """
    if frames < 2:
        raise ValueError(f"a window of {frames} frames is shorter than one Fourier transform")
    mel = torch.empty(len(audio), num_mel_bins, frames)
    # One by one: a clip's spectrum stays in the CPU's cache, 2 to 5 times faster than a batch.
    for index, clip in enumerate(audio):
        _fill(mel[index : index + 1], clip[: frames * HOP])
    return mel


def _fill(mel: torch.Tensor, clip: np.ndarray) -> None:
    """Compute one clip's [1, bins, frames] in place."""
    # Frames that hear nothing but padding all have the floor's value: they are filled in, not transformed.
    heard = min(mel.shape[-1], -(-(len(clip) + N_FFT // 2) // HOP))
    padded = torch.zeros(1, heard * HOP)
    padded[0, : len(clip)] = torch.from_numpy(clip)
    # The last frame is dropped, as Whisper was trained.
    spectrum = torch.stft(padded, N_FFT, HOP, window=_window(), return_complex=True)[..., :-1]
    power = spectrum.real.square().add_(spectrum.imag.square())
    mel[..., heard:] = _FLOOR
    torch.matmul(_filters(mel.shape[1]), power, out=mel[..., :heard])
    mel.clamp_(min=_FLOOR).log10_()
    torch.maximum(mel, mel.amax() - 8.0, out=mel).add_(4.0).div_(4.0)


@cache
def _window() -> torch.Tensor:
    return torch.hann_window(N_FFT)


@cache
def _filters(num_mel_bins: int) -> torch.Tensor:
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(
        num_frequency_bins=1 + N_FFT // 2,
        num_mel_filters=num_mel_bins,
        min_frequency=0.0,
        max_frequency=SAMPLE_RATE / 2,
        sampling_rate=SAMPLE_RATE,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(filters.T.astype(np.float32)).contiguous()
