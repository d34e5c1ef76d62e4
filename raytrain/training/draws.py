"""What is done to a clip in a step: an utterance, a step and a seed in, the changes that are drawn for it out.

All draws are keyed by (seed, step, utterance). A clip always takes as many numbers in the same order, so that turning
one change on or off moves no other.
"""

from dataclasses import dataclass

import numpy as np

from raytrain.config.augmentation import Augmentation
from raytrain.config.random_streams import RandomStream


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes to one clip; None: not made."""

    speed: float | None = None
    pitch: float | None = None
    """Semitones."""
    gain_db: float | None = None
    noise_snr_db: float | None = None
    babble_snr_db: float | None = None


def draw(asked: Augmentation, *, seed: int, step: int, utterance: int) -> Changes:
    """The changes that this utterance hears in this step."""
    numbers = generator(RandomStream.WAVEFORM, seed=seed, step=step, utterance=utterance).random((5, 2))

    def drawn(place: int, probability: float, low: float, high: float) -> float | None:
        chance, strength = numbers[place]
        return low + (high - low) * float(strength) if chance < probability else None

    return Changes(
        speed=drawn(0, asked.speed_probability, asked.speed_low, asked.speed_high),
        pitch=drawn(1, asked.pitch_probability, asked.pitch_low, asked.pitch_high),
        gain_db=drawn(2, asked.gain_probability, asked.gain_low_db, asked.gain_high_db),
        noise_snr_db=drawn(3, asked.noise_probability, asked.noise_low_snr_db, asked.noise_high_snr_db),
        babble_snr_db=drawn(4, asked.babble_probability, asked.babble_low_snr_db, asked.babble_high_snr_db),
    )


def generator(stream: RandomStream, *, seed: int, step: int, utterance: int) -> np.random.Generator:
    """The random numbers of one purpose for one utterance in one step."""
    return np.random.default_rng([seed, stream, step, utterance])


def others(random: np.random.Generator, *, place: int, number: int, count: int) -> list[int]:
    """`count` of `number` places, each any but `place`; none where there is no other."""
    if number < 2:
        return []
    return [int(drawn) + (drawn >= place) for drawn in random.integers(0, number - 1, size=count)]
