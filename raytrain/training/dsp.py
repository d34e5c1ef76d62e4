"""Sound in, changed sound out: float32 at 16 kHz, mono. What is drawn, is drawn elsewhere."""

from collections.abc import Sequence

import numpy as np
import soxr
from python_stretch import Signalsmith

from raytrain.speech.audio import SAMPLE_RATE

_STRETCH_SEED = 0
"""Of the random phases by which the library smears what it stretches: the same for every clip, so that it is a function
of its input."""


def length_at(samples: int, speed: float) -> int:
    """Samples that are left of so many at this speed."""
    return max(1, round(samples / speed))


def at_speed(clip: np.ndarray, speed: float) -> np.ndarray:
    """The clip played so many times faster, `length_at` its length, pitch and all (Ko et al. 2015)."""
    changed = np.asarray(soxr.resample(clip, SAMPLE_RATE * speed, SAMPLE_RATE))
    length = length_at(len(clip), speed)
    return np.pad(changed[:length], (0, max(0, length - len(changed))))


def at_pitch(clip: np.ndarray, semitones: float) -> np.ndarray:
    """The clip with pitch and formants shifted, and its length kept."""
    stretch = Signalsmith.Stretch(_STRETCH_SEED)
    stretch.preset(1, SAMPLE_RATE)
    stretch.setTransposeSemitones(semitones)
    return np.asarray(stretch.process(np.ascontiguousarray(clip[None], dtype=np.float32)))[0, : len(clip)]


def louder(clip: np.ndarray, gain_db: float) -> np.ndarray:
    """The clip with a gain; what leaves [-1, 1) is not cut off."""
    return clip * np.float32(10 ** (gain_db / 20))


def beside(clip: np.ndarray, sound: np.ndarray, *, snr_db: float) -> np.ndarray:
    """Another sound of the clip's length, as strong as makes the ratio of the clip's power to its own `snr_db`.

    Beside silence no sound has a ratio: there it is silent, too.
    """
    ours, theirs = _power(clip), _power(sound)
    return sound * np.float32(np.sqrt(ours / theirs / 10 ** (snr_db / 10)) if theirs else 0.0)


def noise(kind: str, length: int, random: np.random.Generator) -> np.ndarray:
    """White noise, or pink: of a power that falls with frequency, 3 dB an octave."""
    if kind == "white":
        return random.standard_normal(length, dtype=np.float32)
    whole = 1 << (length - 1).bit_length()  # a clip's own length may have large factors, and take ten times as long
    spectrum: np.ndarray = np.fft.rfft(random.standard_normal(whole, dtype=np.float32))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum), dtype=np.float32))
    spectrum[0] = 0.0
    return np.fft.irfft(spectrum, whole)[:length].astype(np.float32)


def part_of(sound: np.ndarray, length: int, random: np.random.Generator) -> np.ndarray:
    """So many samples from a place drawn at random; where the sound ends it begins anew."""
    start = int(random.integers(0, len(sound)))
    return np.take(sound, np.arange(start, start + length), mode="wrap")


def together(voices: Sequence[np.ndarray]) -> np.ndarray:
    """Sounds of one length at once, each as strong as the others."""
    each = [voice / np.float32(np.sqrt(_power(voice) or 1.0)) for voice in voices]
    return np.asarray(np.sum(each, axis=0))


def _power(sound: np.ndarray) -> float:
    return float(np.mean(np.square(sound, dtype=np.float64)))
