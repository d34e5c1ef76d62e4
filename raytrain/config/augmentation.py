"""How training changes what it hears: the baseline's section `augmentation`, all of it off by default.

A probability is the share of clips that a change is made to, drawn anew at each hearing; how strong it is lies evenly
between low and high.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from raytrain.config.section import Section, Text

Probability = Annotated[float, Field(ge=0, le=1)]
_Speed = Annotated[float, Field(ge=0.5, le=2)]
_Semitones = Annotated[float, Field(ge=-12, le=12)]
_Gain = Annotated[float, Field(ge=-60, le=60)]
_Snr = Annotated[float, Field(ge=-30, le=100)]


class Augmentation(Section):
    """What is done to the sound of clips that train, and to none that is scored."""

    speed_probability: Probability = 0.0
    """The share of clips that are played faster or slower, pitch and all: their length and the audio window change."""
    speed_low: _Speed = 0.9
    """The slowest speed; no clip is slowed down so far that it would be longer than audio.max_window_s."""
    speed_high: _Speed = 1.1
    """The fastest speed: at 1.1 a clip is 1.1 times shorter."""
    pitch_probability: Probability = 0.0
    """The share of clips whose pitch and formants are shifted, as by a shorter or longer vocal tract, and not their
    length."""
    pitch_low: _Semitones = -2.0
    """The lowest shift, in semitones."""
    pitch_high: _Semitones = 2.0
    """The highest shift, in semitones."""
    gain_probability: Probability = 0.0
    """The share of clips that are made louder or softer, with what noise there is in them."""
    gain_low_db: _Gain = -6.0
    """The lowest gain, in dB."""
    gain_high_db: _Gain = 6.0
    """The highest gain, in dB."""
    noise_probability: Probability = 0.0
    """The share of clips that noise is added to."""
    noise_low_snr_db: _Snr = 5.0
    """The lowest ratio of the clip's power to the noise's, in dB: the loudest noise."""
    noise_high_snr_db: _Snr = 20.0
    """The highest ratio of the clip's power to the noise's, in dB."""
    noise_kind: Literal["white", "pink"] = "pink"
    """The noise that is made: as strong at all frequencies, or in all octaves."""
    noise_folder: Text | None = None
    """A folder of recordings to take noise from instead, with all below it; null: noise is made."""
    babble_probability: Probability = 0.0
    """The share of clips that other clips of the training data talk over."""
    babble_low_snr_db: _Snr = 10.0
    """The lowest ratio of the clip's power to the babble's, in dB: the loudest babble."""
    babble_high_snr_db: _Snr = 25.0
    """The highest ratio of the clip's power to the babble's, in dB."""
    babble_voices: int = Field(3, ge=1, le=20)
    """How many clips talk over it at once."""

    @model_validator(mode="after")
    def _low_is_not_above_high(self) -> Self:
        for low, high in _RANGES:
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{low} is {getattr(self, low):g} and {high} is {getattr(self, high):g}: low must not be above high"
                )
        return self

    @property
    def is_on(self) -> bool:
        """Whether anything is ever changed."""
        chances = (
            self.speed_probability, self.pitch_probability, self.gain_probability, self.noise_probability,
            self.babble_probability,
        )  # fmt: skip
        return any(chances)

    def longest_s(self, clip_s: float, *, max_window_s: float) -> float:
        """Seconds that a clip of this length takes at most."""
        if not self.speed_probability or self.speed_low >= 1:
            return clip_s
        return max(clip_s, min(clip_s / self.speed_low, max_window_s))


_RANGES = (
    ("speed_low", "speed_high"),
    ("pitch_low", "pitch_high"),
    ("gain_low_db", "gain_high_db"),
    ("noise_low_snr_db", "noise_high_snr_db"),
    ("babble_low_snr_db", "babble_high_snr_db"),
)
