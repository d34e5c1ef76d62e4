"""The shape of a training step, and the bytes alive at a moment of it, by part: the words of the memory formula."""

from dataclasses import dataclass, fields, replace
from typing import Self

from raytrain.config.adapter import Adapter
from raytrain.config.constants import FLOAT_BYTES, FULL_WINDOW_S, GIB
from raytrain.memory.learning import Learning
from raytrain.whisper.silence import silence_after
from raytrain.whisper.variants import Variant
from raytrain.whisper.window import frames


def encoder_positions(window_s: float, *, condensed: bool) -> int:
    """Of two mel frames each, and after a condensed window those of the silence."""
    heard = frames(window_s) // 2
    return heard + len(silence_after(heard)) if condensed else heard


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShape:
    """All that decides the memory of a training step."""

    variant: Variant
    batch_size: int
    """Clips in a micro-batch."""
    window_s: float
    label_tokens: int
    """Decoder positions of the longest transcript of the micro-batch."""
    precision: str = "fp16"
    """fp16, bf16 or auto, which are half precision under autocast with float32 weights, or fp32."""
    gradient_checkpointing: bool = False
    freeze_encoder: bool = False
    dropout: float = 0.0
    accumulates: bool = True
    """Whether a step has several micro-batches, so that gradients are there before the peak, not only after it."""
    optimizer: str = "adamw"
    """adamw, adamw_8bit or adafactor."""
    adapter: Adapter | None = None
    base_precision: str = "fp32"
    """What the frozen weights under an adapter are kept in."""
    condensed: bool = False
    """Whether the encoder hears the silence after the window, condensed."""

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.label_tokens < 1 or not 0 < self.window_s <= FULL_WINDOW_S:
            raise ValueError(f"a step has a clip, a label token and a window of up to 30 s: {self}")

    @property
    def half(self) -> bool:
        """Whether matrix products are in half precision."""
        return self.precision != "fp32"

    @property
    def s(self) -> int:
        """Bytes of an element of a matrix product."""
        return 2 if self.half else FLOAT_BYTES

    @property
    def stream(self) -> int:
        """Bytes of an element of the states between blocks: bf16 weights make bf16 states, but of fp16 products, with
        which they add up to float32."""
        return FLOAT_BYTES if self.base_precision == "fp32" or self.precision == "fp16" else 2

    @property
    def learning(self) -> Learning:
        """What is trained, and what that takes."""
        return Learning(
            variant=self.variant,
            freeze_encoder=self.freeze_encoder,
            adapter=self.adapter,
            base_precision=self.base_precision,
            optimizer=self.optimizer,
        )

    @property
    def positions(self) -> int:
        """The encoder's positions."""
        return encoder_positions(self.window_s, condensed=self.condensed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Bytes alive at one moment."""

    weights: float = 0
    gradients: float = 0
    optimizer_states: float = 0
    casts: float = 0
    """Half precision copies of weights, which autocast keeps for the forward pass and autograd for the backward."""
    encoder_activations: float = 0
    decoder_activations: float = 0
    head: float = 0
    """From the decoder's last state to the loss over the vocabulary, and the gradient of the token embedding."""

    @property
    def total(self) -> float:
        """The sum of all parts."""
        return sum(getattr(self, field.name) for field in fields(self))

    def plus(self, **bytes_by_part: float) -> Self:
        """These parts with so many bytes more."""
        return replace(self, **{name: getattr(self, name) + more for name, more in bytes_by_part.items()})

    def as_gib(self) -> dict[str, float]:
        """Each part in GiB."""
        return {field.name: getattr(self, field.name) / GIB for field in fields(self)}
