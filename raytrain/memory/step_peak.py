"""Peak GPU memory of a training step: its shape in, bytes by named part out. Plain Python, no torch.

A step's memory has a few summits: the loss, the head's gradient, the decoder's and the encoder's backward pass, the
update. Each is written down below as the tensors that are alive there, and the highest counts. Nothing is fitted: every
term is a tensor one can find in transformers' modeling_whisper.py or in PyTorch's autograd formulas, and the whole is
held against the real step on fake tensors (tests/memory/step_trace.py), within -2 % to +8 %.
"""

from dataclasses import dataclass, fields, replace
from typing import Self

from raytrain.config.constants import FLOAT_BYTES, FULL_WINDOW_S, GIB
from raytrain.whisper.variants import Variant
from raytrain.whisper.window import frames


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
    moments: int = 2
    """Numbers that the optimizer keeps of each weight that it trains."""

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.label_tokens < 1 or not 0 < self.window_s <= FULL_WINDOW_S:
            raise ValueError(f"a step has a clip, a label token and a window of up to 30 s: {self}")

    @property
    def half(self) -> bool:
        """Whether matrix products are in half precision."""
        return self.precision != "fp32"

    @property
    def positions(self) -> int:
        """The encoder's positions, of two mel frames each."""
        return frames(self.window_s) // 2


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


def step_peak(shape: StepShape) -> Parts:
    """The parts alive at the highest summit of a training step."""
    return max(step_summits(shape).values(), key=lambda parts: parts.total)


def step_summits(shape: StepShape) -> dict[str, Parts]:
    """The parts alive at each summit of a step, in the order they come."""
    sizes = _Sizes(shape)
    return {
        "encoder forward": sizes.encoder_forward(),
        "loss": sizes.loss(),
        "loss backward": sizes.loss_backward(),
        "head gradient": sizes.head_gradient(),
        "decoder backward, last layer": sizes.decoder_backward(),
        "token embedding gradient": sizes.embedding_gradient(),
        **({} if shape.freeze_encoder else sizes.encoder_backward()),
        "update": sizes.fixed(gradients=sizes.trained),
    }


class _Sizes:
    """Bytes of a shape's tensors, all per micro-batch. Here d is the width, S the encoder's positions, U the decoder's
    and V the vocabulary; s is the bytes of an element of a matrix product."""

    def __init__(self, shape: StepShape) -> None:
        self.shape, v = shape, shape.variant
        self.frozen, self.recomputes = shape.freeze_encoder, shape.gradient_checkpointing
        self.s = 2 if shape.half else FLOAT_BYTES
        self.mask = 1 if shape.dropout else 0
        self.S, self.U = shape.batch_size * shape.positions, shape.batch_size * shape.label_tokens
        self.d, self.h = v.width, v.heads
        self.Sd, self.Ud, self.Vd = self.S * v.width, self.U * v.width, v.vocab_size * v.width
        self.UV = self.U * v.vocab_size
        self.mel = 2 * self.S * v.num_mel_bins
        encoder_trained = 0 if self.frozen else v.encoder_parameters - v.fixed_parameters
        self.trained = v.decoder_parameters + encoder_trained
        self.encoder_cast, self.decoder_cast = self.cast(encoder_trained), self.cast(v.decoder_parameters)
        # The convolutions are not recomputed.
        self.stem_cast = 0 if self.frozen else self.cast(3 * v.width * (v.num_mel_bins + v.width))
        self._count_encoder()
        self._count_decoder()

    def cast(self, parameters: float) -> float:
        """The half precision copies of so many weights."""
        return self.s * parameters if self.shape.half else 0

    def _count_encoder(self) -> None:
        frozen, s = self.frozen, self.s
        # The float32 mel is alive until the model returns. In fp32 it is the one that autograd keeps as well.
        self.mel_given = FLOAT_BYTES * self.mel if self.shape.half or frozen else 0
        # The stem: mel, first convolution and its GELU at the mel's rate, second convolution at half of it.
        self.stem = 0 if frozen else s * (self.mel + 5 * self.Sd) + self.mask * self.Sd
        # Two stream states; the two normed ones (in half precision, a copy for each of q, k, v and the first linear);
        # q, k, v and attention's output, twice; the 4 d wide linear and its GELU; attention's and norms' statistics.
        self.encoder_layer = (2 * FLOAT_BYTES + 8 + 13 * s + 2 * self.mask) * self.Sd + (16 + 4 * self.h) * self.S
        # The layers keep everything for the backward pass, or when recomputing the states between them.
        of_each_layer = FLOAT_BYTES * self.Sd if self.recomputes else self.encoder_layer
        self.encoder_layers = 0 if frozen else self.shape.variant.encoder_layers * of_each_layer
        # The last state is kept for the final norm.
        self.encoder_norm = 0 if frozen else FLOAT_BYTES * self.Sd + 8 * self.S
        self.encoder_output = FLOAT_BYTES * self.Sd
        # Autograd keeps the output itself where no half precision copies stand in for it.
        self.encoder_output_kept = self.encoder_output if self.recomputes or not self.shape.half else 0

    def _count_decoder(self) -> None:
        # As an encoder layer, with three norms and two attentions; keys and values over the encoder's output are S long
        # (in half precision with a copy of that output for each).
        normed = 10 if self.shape.half else 3 * FLOAT_BYTES
        own = (3 * FLOAT_BYTES + normed + 16 * self.s + 3 * self.mask) * self.Ud + (24 + 8 * self.h) * self.U
        self.decoder_layer = own + 8 * self.Sd
        of_each_layer = FLOAT_BYTES * self.Ud if self.recomputes else self.decoder_layer
        self.decoder_layers = self.shape.variant.decoder_layers * of_each_layer
        # The last state, and its normed form as the head reads it.
        self.decoder_norm = (FLOAT_BYTES + self.s) * self.Ud

    # -- parts --------------------------------------------------------------------------------------------------------

    def fixed(self, *, gradients: int) -> Parts:
        """Weights, the optimizer's moments, and the gradients of so many parameters."""
        return Parts(
            weights=FLOAT_BYTES * self.shape.variant.parameters,
            gradients=FLOAT_BYTES * gradients,
            optimizer_states=self.shape.moments * FLOAT_BYTES * self.trained,
        )

    def held(self, *, made: int = 0) -> Parts:
        """The fixed parts when this micro-batch has made so many gradients; an earlier one has left all of them."""
        return self.fixed(gradients=self.trained if self.shape.accumulates else made)

    def kept(self) -> Parts:
        """All that the forward pass leaves for the backward pass, without the head."""
        return self.held().plus(
            casts=self.cast(self.Vd) + self.stem_cast if self.recomputes else self.encoder_cast + self.decoder_cast,
            encoder_activations=self.stem + self.encoder_layers + self.encoder_norm + self.encoder_output_kept,
            decoder_activations=self.decoder_layers + self.decoder_norm,
        )

    def kept_below_head(self) -> Parts:
        """What the forward pass leaves, once the token embedding's cast has served the head's backward pass."""
        return self.kept().plus(casts=-self.cast(self.Vd))

    # -- summits ------------------------------------------------------------------------------------------------------

    def encoder_forward(self) -> Parts:
        """The parts at the GELU of the last layer: its middle state, the normed form of that, the wide linear and the
        GELU; and the convolutions' output, which the encoder does not let go of."""
        working = (2 * FLOAT_BYTES + 9 * self.s) * self.Sd
        if self.frozen:
            working += FLOAT_BYTES * self.Sd  # the layer's input, else among those kept
        elif not self.recomputes:
            working = 0  # all of it is kept, and counted there
        return self.held().plus(
            casts=self.encoder_cast, encoder_activations=self.mel_given + self.stem + self.encoder_layers + working
        )

    def loss(self) -> Parts:
        """The parts before the casts are let go: the logits, and either the model's inputs and outputs or
        log-probabilities in float32; or, when recomputing, keys and values of the last decoder layer in the making."""
        unkept = self.encoder_output - self.encoder_output_kept
        at_logits = self.mel_given + unkept + self.s * self.UV
        at_loss = (self.s + FLOAT_BYTES) * self.UV
        keys_and_values = self.mel_given + unkept + 3 * self.s * self.Sd if self.recomputes else 0
        casts = self.encoder_cast + self.decoder_cast
        return replace(self.kept(), casts=casts, head=max(at_logits, at_loss, keys_and_values))

    def loss_backward(self) -> Parts:
        """The parts at the loss: log-probabilities and their gradient in float32, and the logits' gradient."""
        return self.kept().plus(head=(2 * FLOAT_BYTES + self.s) * self.UV)

    def head_gradient(self) -> Parts:
        """The token embedding's gradient as the head makes it: beside the logits' gradient, or turned to float32."""
        beside_logits = self.kept().plus(head=self.s * (self.UV + self.Vd))
        in_float = self.kept_below_head().plus(head=(FLOAT_BYTES + self.cast(1)) * self.Vd)
        return max(beside_logits, in_float, key=lambda parts: parts.total)

    def decoder_backward(self) -> Parts:
        """The parts in the last layer, at the gradients of keys and values over the encoder's output. The embedding's
        gradient waits for its other half."""
        parts = self.kept_below_head().plus(head=FLOAT_BYTES * self.Vd, encoder_activations=2 * self.s * self.Sd)
        if self.recomputes:
            layer = self.cast(28 * self.d * self.d // 2)
            gradient = FLOAT_BYTES * self.Sd if self.shape.variant.decoder_layers > 1 else 0
            parts = parts.plus(decoder_activations=self.decoder_layer + gradient, casts=layer)
        return parts

    def embedding_gradient(self) -> Parts:
        """The parts when the decoder is done: both halves of the token embedding's gradient, their sum, the encoder."""
        gradient = 0 if self.frozen else FLOAT_BYTES * self.Sd
        return self.held(made=self.shape.variant.decoder_parameters - self.Vd).plus(
            casts=self.stem_cast if self.recomputes else self.encoder_cast,
            encoder_activations=self.stem + self.encoder_layers + self.encoder_norm + gradient,
            head=3 * FLOAT_BYTES * self.Vd,
        )

    def encoder_backward(self) -> dict[str, Parts]:
        """The parts at the gradient of the GELU's output: everything of the layer, the stream's gradient and what half
        precision or dropout make of it. The last layer comes first, with most activations; the first last, with
        most gradients."""
        recomputes = self.recomputes
        copied = self.s if self.shape.half or self.shape.dropout else 0
        working: float = (FLOAT_BYTES + copied + 4 * self.s) * self.Sd
        if recomputes:
            working += self.encoder_layer - FLOAT_BYTES * self.Sd  # the layer's input is among those kept
        layer_cast = self.cast(12 * self.d * self.d) if recomputes else 0
        last = self.held(made=self.shape.variant.decoder_parameters).plus(
            casts=self.stem_cast + layer_cast if recomputes else self.encoder_cast,
            encoder_activations=self.stem + self.encoder_layers + working,
        )
        first = self.fixed(gradients=self.trained).plus(
            casts=self.stem_cast + self.cast(12 * self.d * self.d),
            encoder_activations=self.stem + self.encoder_layers / self.shape.variant.encoder_layers + working,
        )
        return {"encoder backward, last layer": last, "encoder backward, first layer": first}
