"""Half precision copies of weights that autocast makes: a step's shape in, the bytes of those alive at each summit out.

Copies of weights that learn are kept once, until the forward pass is over, and by autograd for the backward pass. A
frozen weight is copied each time it is read, and autograd keeps the copy where a gradient runs through that layer.
"""

from raytrain.config.constants import FLOAT_BYTES
from raytrain.memory.learning import encoder_tensors, parameters
from raytrain.memory.step_shape import StepShape


class Casts:
    """Bytes of the copies alive."""

    def __init__(self, shape: StepShape) -> None:
        v, learning, self._s = shape.variant, shape.learning, shape.s if shape.half else 0
        d2 = v.width * v.width
        recomputes, frozen = shape.gradient_checkpointing, not learning.encoder_learns
        if shape.adapter is None:
            self.head = self._s * v.vocab_size * v.width
            encoder = 0 if frozen else self._s * parameters(encoder_tensors(v))
            decoder = self._s * v.decoder_parameters
            # The convolutions are not recomputed.
            stem = 0 if frozen else self._s * 3 * v.width * (v.num_mel_bins + v.width)
            in_forward = encoder
            at_loss = encoder + decoder
            encoder_layer: float = 12 * d2 * self._s
            self.decoder_layer: float = 14 * d2 * self._s
        else:
            # Half precision weights are read as they are.
            copies = self._s if shape.base_precision == "fp32" or shape.precision == "fp16" else 0
            of_layers = copies if shape.base_precision in ("fp32", "bf16") else 0
            self.head, stem = copies * v.vocab_size * v.width, 0
            adapters = [self._s * parameters(learning.tensors_in(half)) for half in ("encoder", "decoder")]
            # Neither the first layer of the encoder nor that of the decoder has gradients to hand on.
            encoder = 0 if frozen else of_layers * (12 * v.encoder_layers - 3) * d2 + adapters[0]
            unlearned = 3 if learning.adapts("decoder") else 5  # the sound is the first that learns
            decoder = of_layers * (16 * v.decoder_layers - unlearned) * d2 + self.head + adapters[1]
            if frozen:
                decoder -= of_layers * 2 * v.decoder_layers * d2  # no gradient goes to the sound
            in_forward = adapters[0] if recomputes else encoder
            at_loss = sum(adapters) + self.head if recomputes else encoder + decoder
            encoder_layer = of_layers * 12 * d2 + adapters[0] / v.encoder_layers
            self.decoder_layer = of_layers * 14 * d2 + adapters[1] / v.decoder_layers
        # DoRA multiplies its matrices out for each layer's length, over an identity as wide as the layer's input.
        into, out = (4, 1) if shape.adapter and shape.adapter.targets == "all" else (1, 1)
        multiplied = (FLOAT_BYTES + self._s) * into * into * d2 + shape.s * into * out * d2
        self.dora = multiplied if shape.adapter and shape.adapter.dora else 0
        self.decoder_layer += self.dora if learning.adapts("decoder") else 0
        self.encoder_forward = in_forward
        self.at_loss = at_loss
        self.kept = self.head + stem if recomputes else encoder + decoder
        self.encoder_kept = stem if recomputes else encoder
        self.encoder_last_layer = stem + encoder_layer if recomputes else encoder
        self.encoder_first_layer = stem + encoder_layer
