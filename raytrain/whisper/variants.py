"""The shapes of OpenAI's Whisper: a variant's name in, its sizes and exact parameter counts out. Plain Python."""

from dataclasses import dataclass, replace
from typing import Self

ENGLISH_ONLY_VOCAB_SIZE = 51864
"""One token less than the multilingual vocabulary of the same size."""
MAX_SOURCE_POSITIONS = 1500
"""Frames that the encoder hands on for Whisper's full window of 30 s."""
MAX_TARGET_POSITIONS = 448
"""Tokens that the decoder has positions for."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One size of Whisper; every feed-forward layer is four times as wide as the model."""

    name: str
    hub_id: str
    """The hub id under which the weights of this size are published."""
    encoder_layers: int
    decoder_layers: int
    width: int
    heads: int
    num_mel_bins: int = 80
    vocab_size: int = 51865

    @property
    def parameters(self) -> int:
        """All parameters, the encoder's fixed sinusoids among them; the output layer is the token embedding."""
        return self.encoder_parameters + self.decoder_parameters

    @property
    def encoder_parameters(self) -> int:
        """Parameters that freezing the encoder freezes, its sinusoids included."""
        d = self.width
        convolutions = 3 * d * (self.num_mel_bins + d) + 2 * d
        layer = _attention(d) + _feed_forward(d) + 2 * _norm(d)
        return convolutions + self.fixed_parameters + self.encoder_layers * layer + _norm(d)

    @property
    def decoder_parameters(self) -> int:
        """Parameters of the decoder, its token embedding among them."""
        d = self.width
        embeddings = (self.vocab_size + MAX_TARGET_POSITIONS) * d
        layer = 2 * _attention(d) + _feed_forward(d) + 3 * _norm(d)
        return embeddings + self.decoder_layers * layer + _norm(d)

    @property
    def fixed_parameters(self) -> int:
        """The encoder's sinusoidal positions: stored with the weights, never trained."""
        return MAX_SOURCE_POSITIONS * self.width

    def english_only(self) -> Self:
        """The same size with the English-only vocabulary, as in `whisper-tiny.en`."""
        return replace(self, hub_id=f"{self.hub_id}.en", vocab_size=ENGLISH_ONLY_VOCAB_SIZE)


VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant("tiny", "openai/whisper-tiny", encoder_layers=4, decoder_layers=4, width=384, heads=6),
        Variant("base", "openai/whisper-base", encoder_layers=6, decoder_layers=6, width=512, heads=8),
        Variant("small", "openai/whisper-small", encoder_layers=12, decoder_layers=12, width=768, heads=12),
        Variant("medium", "openai/whisper-medium", encoder_layers=24, decoder_layers=24, width=1024, heads=16),
        Variant(
            "large-v3", "openai/whisper-large-v3",
            encoder_layers=32, decoder_layers=32, width=1280, heads=20, num_mel_bins=128, vocab_size=51866,
        ),
        Variant(
            "turbo", "openai/whisper-large-v3-turbo",
            encoder_layers=32, decoder_layers=4, width=1280, heads=20, num_mel_bins=128, vocab_size=51866,
        ),
    )
}  # fmt: skip


def _attention(d: int) -> int:
    return 4 * d * d + 3 * d  # the key projection has no bias


def _feed_forward(d: int) -> int:
    return 8 * d * d + 5 * d


def _norm(d: int) -> int:
    return 2 * d
