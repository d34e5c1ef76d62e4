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


def log_mel(
    audio: Sequence[np.ndarray], *, frames: int, num_mel_bins: int = 80, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """The clips, padded with silence (or cut) to `frames`; at 3000 equal to Hugging Face's WhisperFeatureExtractor.

    A clip's values depend on that clip and the window alone: the dynamic range is limited from each clip's own peak.
    """
    if frames < 2:
        raise ValueError(f"a window of {frames} frames is shorter than one Fourier transform")
    device = torch.device(device)
    mel = torch.empty(len(audio), num_mel_bins, frames, device=device)
    # One by one on a CPU: a clip's spectrum stays in its cache, 2 to 5 times faster than a batch.
    group_size = 1 if device.type == "cpu" else max(1, len(audio))
    for start in range(0, len(audio), group_size):
        _fill(mel[start : start + group_size], [clip[: frames * HOP] for clip in audio[start : start + group_size]])
    return mel


def _fill(mel: torch.Tensor, clips: list[np.ndarray]) -> None:
    frames = mel.shape[-1]
    # Frames that hear nothing but padding all have the floor's value: they are filled in, not transformed.
    heard = min(frames, -(-(max(map(len, clips)) + N_FFT // 2) // HOP))
    padded = torch.zeros(len(clips), heard * HOP)
    for row, clip in zip(padded, clips, strict=True):
        row[: len(clip)] = torch.from_numpy(clip)
    padded = padded.to(mel.device)
    # The last frame is dropped, as Whisper was trained.
    spectrum = torch.stft(padded, N_FFT, HOP, window=_window(mel.device), return_complex=True)[..., :-1]
    power = spectrum.real.square().add_(spectrum.imag.square())
    mel[..., heard:] = _FLOOR
    torch.matmul(_filters(mel.shape[1], mel.device), power, out=mel[..., :heard])
    mel.clamp_(min=_FLOOR).log10_()
    peak = mel.amax(dim=(1, 2), keepdim=True)
    torch.maximum(mel, peak - 8.0, out=mel).add_(4.0).div_(4.0)


@cache
def _window(device: torch.device) -> torch.Tensor:
    return torch.hann_window(N_FFT, device=device)


@cache
def _filters(num_mel_bins: int, device: torch.device) -> torch.Tensor:
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
    return torch.from_numpy(filters.T.astype(np.float32)).contiguous().to(device)
