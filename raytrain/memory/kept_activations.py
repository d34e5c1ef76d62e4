"""What the forward pass leaves for the backward pass: a step's shape in, bytes of each layer out. Plain Python.

A linear layer that learns keeps its input, and so does an adapter beside a frozen one, which keeps its weight alone.
Attention, GELU and norms keep what they need whatever learns. Here d is the width, S the encoder's positions and U the
decoder's, over all clips; s is the bytes of an element of a matrix product.
"""

from raytrain.config.constants import FLOAT_BYTES
from raytrain.memory.step_shape import StepShape


class Kept:
    """Bytes that a layer of either half keeps of a micro-batch."""

    def __init__(self, shape: StepShape) -> None:
        self.s, self.d, self.h = shape.s, shape.variant.width, shape.variant.heads
        self.S, self.U = shape.batch_size * shape.positions, shape.batch_size * shape.label_tokens
        self.Sd, self.Ud = self.S * self.d, self.U * self.d
        self.mask = 1 if shape.dropout else 0
        self.adapted = shape.adapter is not None
        self.encoder, self.decoder = (_Linear(shape, half) for half in ("encoder", "decoder"))

    def encoder_layer(self, *, first: bool = False) -> float:
        """Two stream states, which the norms read; q, k, v and attention's output, and what its linear layers read; the
        4 d wide linear, its GELU; attention's and norms' statistics."""
        of, s = self.encoder, self.s
        attention = FLOAT_BYTES + of.inputs(3) + 4 * s + of.inputs(1) + of.scaled(3, plain=1) + self.mask
        forward = FLOAT_BYTES + of.wide_inputs() + 4 * s + of.wide_scaled() + self.mask
        # Where no weight learns, nothing does before the first layer, and its first norm keeps nothing.
        unkept = FLOAT_BYTES + 3 * of.mask if first and self.adapted else 0
        thin = of.thin(4) + of.wide_thin()
        return (attention + forward - unkept) * self.Sd + (16 + 4 * self.h + thin) * self.S

    def decoder_layer(self, *, first: bool = False) -> float:
        """As an encoder layer, with three norms and two attentions; keys and values over the encoder's output are S
        long (in half precision with a copy of that output for each)."""
        of, s = self.decoder, self.s
        attention = FLOAT_BYTES + of.inputs(3) + 4 * s + of.inputs(1) + of.scaled(3, plain=1) + self.mask
        cross = FLOAT_BYTES + of.inputs(1) + 2 * s + of.inputs(1) + of.scaled(2) + self.mask
        forward = FLOAT_BYTES + of.wide_inputs() + 4 * s + of.wide_scaled() + self.mask
        statistics = 24 + 8 * self.h + of.thin(6) + of.wide_thin()
        if first and self.adapted:
            attention -= FLOAT_BYTES + 3 * of.mask
            if not of.adapted:  # the sound is the first to learn
                attention, cross = 0, cross - FLOAT_BYTES
                statistics -= 16 + 4 * self.h
        over_sound = (2 * s + of.inputs_of_sound() + of.scaled(1, plain=1)) * self.Sd + of.thin(2) * self.S
        return (attention + cross + forward) * self.Ud + statistics * self.U + over_sound


class _Linear:
    """What the linear layers of the encoder or the decoder keep, in bytes for each position and unit of the width."""

    def __init__(self, shape: StepShape, half: str) -> None:
        self.s, self.half, adapter = shape.s, shape.half, shape.adapter
        self.adapted = shape.learning.adapts(half)
        self.keeps = adapter is None or self.adapted
        self.wide = adapter is None or (self.adapted and adapter.targets == "all")
        self.rank = adapter.rank if adapter and self.adapted else 0
        self.mask = 1 if adapter and self.adapted and adapter.dropout else 0
        self.sound_learns = shape.learning.encoder_learns
        self.stream = shape.stream
        self.dora = adapter is not None and self.adapted and adapter.dora

    def inputs(self, readers: int) -> float:
        """Of one state that so many layers read: in half precision a copy for each, and one where an adapter drops."""
        if not self.keeps:
            return 0
        copies = readers if self.half or self.mask else 1
        return copies * self.s + readers * self.mask

    def inputs_of_sound(self) -> float:
        """Keys and values of the encoder's output; that output itself is counted with the encoder."""
        unmasked = 0 if self.sound_learns else 2 * self.mask  # a gradient that ends here needs no mask
        return self.inputs(2) - unmasked if self.half or self.mask else 0

    def wide_inputs(self) -> float:
        """The feed-forward layers' own: of the width, and of four times it."""
        return 5 * self.inputs(1) if self.wide else 0

    def thin(self, layers: int) -> float:
        """What lies between an adapter's two matrices, for each position."""
        return layers * self.rank * self.s

    def wide_thin(self) -> float:
        """The same beside the feed-forward layers."""
        return self.thin(2) if self.wide else 0

    def scaled(self, layers: int, *, plain: int = 0) -> float:
        """DoRA scales the output of so many layers and what its matrices add there, and keeps both for that; the first
        without the bias, in the bias's precision, but for the `plain` layers, which have none."""
        if not self.dora:
            return 0
        without_bias = self.s if self.mask else max(self.s, self.stream)
        return layers * (without_bias + self.s) + plain * 2 * self.s

    def wide_scaled(self) -> float:
        """The same of the feed-forward layers, of four times the width and of the width."""
        return self.scaled(5) if self.wide else 0
