"""Peak GPU memory of a training step: its shape in, bytes by named part out. Plain Python, no torch.

A step's memory has a few summits: the loss, the head's gradient, the decoder's and the encoder's backward pass, the
update. Each is written down below as the tensors that are alive there, and the highest counts. Nothing is fitted: every
term is a tensor one can find in transformers' modeling_whisper.py, in peft's LoRA or in PyTorch's autograd formulas,
and the whole is held against the real step on fake tensors (tests/memory/step_trace.py), within -2 % to +8 %, with
adapters to +3 %.
"""

from dataclasses import replace

from raytrain.config.constants import FLOAT_BYTES
from raytrain.memory.casts import Casts
from raytrain.memory.kept_activations import Kept
from raytrain.memory.step_shape import Parts, StepShape


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
        **({} if sizes.adapted else {"token embedding gradient": sizes.embedding_gradient()}),
        **({} if sizes.frozen else sizes.encoder_backward()),
        "update": sizes.update(),
    }


class _Sizes:
    """Bytes of a shape's tensors, all per micro-batch. Here d is the width, S the encoder's positions, U the decoder's
    and V the vocabulary; s is the bytes of an element of a matrix product and f that of a state between layers."""

    def __init__(self, shape: StepShape) -> None:
        self.shape, v = shape, shape.variant
        self.learning, self.kept_by, self.casts = shape.learning, Kept(shape), Casts(shape)
        self.adapted, self.recomputes = shape.adapter is not None, shape.gradient_checkpointing
        self.frozen = not self.learning.encoder_learns
        self.s, self.f = shape.s, shape.stream
        self.mask = 1 if shape.dropout else 0
        self.S, self.Sd, self.Ud = self.kept_by.S, self.kept_by.Sd, self.kept_by.Ud
        self.Vd, self.UV = v.vocab_size * v.width, self.kept_by.U * v.vocab_size
        self.mel = 2 * self.S * v.num_mel_bins
        # Beside fc2 an adapter reads GELU's output in float32, and where it drops some, that in float32, too.
        self.widened = 0
        if self.adapted and shape.half and self.kept_by.encoder.wide:
            self.widened = 4 * FLOAT_BYTES * (2 if shape.adapter and shape.adapter.dropout else 1)
        self.trained = self.learning.trained()
        self.fixed = Parts(weights=self.learning.weights_bytes(), optimizer_states=self.learning.state_bytes())
        self._count_encoder()
        self._count_decoder()

    def _count_encoder(self) -> None:
        stem_learns, s = not (self.frozen or self.adapted), self.s
        # The float32 mel is alive until the model returns. In fp32 it is the one that autograd keeps as well.
        self.mel_given = FLOAT_BYTES * self.mel if self.shape.half or not stem_learns else 0
        if self.shape.base_precision != "fp32":
            self.mel_given += 2 * self.mel  # as half precision weights read it
        # The stem: mel, first convolution and its GELU at the mel's rate, second convolution at half of it.
        self.stem = s * (self.mel + 5 * self.Sd) + self.mask * self.Sd if stem_learns else 0
        # Beside a stem that is frozen its dropout leaves nothing.
        self.encoder_layer = self.kept_by.encoder_layer()
        layers = self.shape.variant.encoder_layers
        # The layers keep everything for the backward pass, or when recomputing the states between them.
        self.encoder_layers: float
        if self.recomputes:
            self.encoder_layers = layers * self.f * self.Sd
        else:
            self.encoder_layers = self.kept_by.encoder_layer(first=True) + (layers - 1) * self.encoder_layer
        if self.frozen:
            self.encoder_layers = 0
        # The last state is kept for the final norm.
        self.encoder_norm = 0 if self.frozen else FLOAT_BYTES * self.Sd + 8 * self.S
        self.encoder_output = FLOAT_BYTES * self.Sd
        # Autograd keeps the output itself where no half precision copies stand in for it, and something learns of it.
        learned_of = not self.shape.half and self.kept_by.decoder.keeps
        self.encoder_output_kept = self.encoder_output if self.recomputes or learned_of else 0

    def _count_decoder(self) -> None:
        self.decoder_layer = self.kept_by.decoder_layer()
        layers = self.shape.variant.decoder_layers
        self.decoder_layers: float
        if self.recomputes:
            self.decoder_layers = layers * self.f * self.Ud
        else:
            self.decoder_layers = self.kept_by.decoder_layer(first=True) + (layers - 1) * self.decoder_layer
        # The last state, and its normed form as a head that learns reads it.
        self.decoder_norm = (FLOAT_BYTES + (0 if self.adapted else self.s)) * self.Ud

    # -- parts --------------------------------------------------------------------------------------------------------

    def held(self, *, made: int = 0) -> Parts:
        """Weights, the optimizer's state, and the gradients when this micro-batch has made so many; an earlier one has
        left all of them."""
        return replace(self.fixed, gradients=FLOAT_BYTES * (self.trained if self.shape.accumulates else made))

    def kept(self) -> Parts:
        """All that the forward pass leaves for the backward pass, without the head."""
        return self.held().plus(
            casts=self.casts.kept,
            encoder_activations=self.stem + self.encoder_layers + self.encoder_norm + self.encoder_output_kept,
            decoder_activations=self.decoder_layers + self.decoder_norm,
        )

    def kept_below_head(self) -> Parts:
        """What the forward pass leaves, once the token embedding's cast has served the head's backward pass."""
        return self.kept().plus(casts=-self.casts.head)

    # -- summits ------------------------------------------------------------------------------------------------------

    def encoder_forward(self) -> Parts:
        """The parts at the GELU of the last layer: its middle state, the normed form of that, the wide linear and the
        GELU; and the convolutions' output, which the encoder does not let go of."""
        working: float = self.f + FLOAT_BYTES + 9 * self.s
        if self.adapted and self.kept_by.encoder.wide:
            # Beside fc1: its output, what the adapter adds, their sum. Beside fc2: its input, and that in float32.
            beside_fc2 = self.f + 10 * self.s + self.widened
            working = max(working + 4 * self.s, beside_fc2)
        working = max(working, self._scaling_of_dora()) * self.Sd
        if self.kept_by.encoder.dora:
            working = max(working, (self.f + self.s) * self.Sd + self._multiplied_out())
        if self.frozen:
            working += self.f * self.Sd  # the layer's input, else among those kept
        elif not self.recomputes:
            # The layer's input and the convolutions' output besides.
            beside = self.s + (0 if self.f == FLOAT_BYTES else self.f)
            working = (self._beside_what_is_kept() + beside) * self.Sd if self.adapted else 0
        return self.held().plus(
            casts=self.casts.encoder_forward,
            encoder_activations=self.mel_given + self.stem + self.encoder_layers + working,
        )

    def _scaling_of_dora(self) -> float:
        """Where DoRA scales fc1, or else the last of q, k and v: the states before, the layer's output, that without
        its bias, what the matrices add, and three products in float32."""
        if not self.kept_by.encoder.dora:
            return 0
        scaling = 2 * self.s + max(self.s, self.f) + 3 * FLOAT_BYTES
        dropped = FLOAT_BYTES + 2 * self.s if self.kept_by.encoder.mask else 0
        before = self.f + FLOAT_BYTES + self.s + dropped
        return before + (4 * scaling if self.kept_by.encoder.wide else 2 * self.s + scaling)

    def _multiplied_out(self) -> float:
        """Where DoRA multiplies its matrices out beside fc2, or else the last of q, k and v: those beside the layer's
        input and output."""
        inputs = 5 * self.s + self.widened if self.kept_by.encoder.wide else FLOAT_BYTES + 3 * self.s
        return inputs * self.Sd + self.casts.dora

    def _beside_what_is_kept(self) -> float:
        """Of an encoder layer whose backward pass is prepared: nothing in full fine-tuning. With an adapter the last
        norm's state and GELU's output, or what comes of it beside fc2."""
        if not self.adapted:
            return 0
        middle = 0 if self.f == FLOAT_BYTES else self.f  # norms keep it in float32
        if not self.kept_by.encoder.wide:
            return middle + FLOAT_BYTES + 4 * self.s
        if not self.shape.half:
            return middle + 4 * self.s
        return middle + max(7 * self.s, 5 * self.s + self.widened - 4 * FLOAT_BYTES) + 4 * FLOAT_BYTES

    def loss(self) -> Parts:
        """The parts before the casts are let go: the logits, and either the model's inputs and outputs or
        log-probabilities in float32; or, when recomputing, keys and values of the last decoder layer in the making."""
        unkept = self.encoder_output - self.encoder_output_kept
        at_logits = self.mel_given + unkept + self.s * self.UV
        at_loss = (self.s + FLOAT_BYTES) * self.UV
        making = 3 * self.s + (4 * FLOAT_BYTES if self.kept_by.decoder.dora else 0)
        keys_and_values = self.mel_given + unkept + making * self.Sd if self.recomputes else 0
        return replace(self.kept(), casts=self.casts.at_loss, head=max(at_logits, at_loss, keys_and_values))

    def loss_backward(self) -> Parts:
        """The parts at the loss: log-probabilities and their gradient in float32, and the logits' gradient."""
        return self.kept().plus(head=(2 * FLOAT_BYTES + self.s) * self.UV)

    def head_gradient(self) -> Parts:
        """The token embedding's gradient as the head makes it: beside the logits' gradient, or turned to float32."""
        if self.adapted:
            return self.kept().plus(head=self.s * (self.UV + self.Ud))
        beside_logits = self.kept().plus(head=self.s * (self.UV + self.Vd))
        in_float = self.kept_below_head().plus(head=FLOAT_BYTES * self.Vd + self.casts.head)
        return max(beside_logits, in_float, key=lambda parts: parts.total)

    def decoder_backward(self) -> Parts:
        """The parts in the last layer, at the gradients of keys and values over the encoder's output. The embedding's
        gradient waits for its other half."""
        parts = self.kept_below_head().plus(encoder_activations=2 * self.s * self.Sd)
        if not self.adapted:
            parts = parts.plus(head=FLOAT_BYTES * self.Vd)
        if self.recomputes:
            gradient = FLOAT_BYTES * self.Sd if self.shape.variant.decoder_layers > 1 and not self.frozen else 0
            scaled = 3 * FLOAT_BYTES * self.Sd if self.kept_by.decoder.dora else 0
            parts = parts.plus(
                decoder_activations=self.decoder_layer + gradient + scaled, casts=self.casts.decoder_layer
            )
        return parts

    def embedding_gradient(self) -> Parts:
        """The parts when the decoder is done: both halves of the token embedding's gradient, their sum, the encoder."""
        gradient = 0 if self.frozen else FLOAT_BYTES * self.Sd
        return self.held(made=self.shape.variant.decoder_parameters - self.Vd).plus(
            casts=self.casts.encoder_kept,
            encoder_activations=self.stem + self.encoder_layers + self.encoder_norm + gradient,
            head=3 * FLOAT_BYTES * self.Vd,
        )

    def encoder_backward(self) -> dict[str, Parts]:
        """The parts at the gradient of the GELU's output: everything of the layer, the stream's gradient and what half
        precision or dropout make of it. The last layer comes first, with most activations; the first last, with
        most gradients."""
        copied = self.s if self.shape.half or self.shape.dropout else 0
        # With an adapter, both gradients of GELU: beside fc2 the float32 one and its half precision copy, as much.
        gradients: float = copied + 4 * self.s
        if self.adapted:
            gradients = max(8 * self.s, self.widened - 3 * self.s)
        if self.recomputes and self.adapted:
            # What is beside the layer as its forward pass is run again.
            beside = FLOAT_BYTES + 4 * self.s
            if self.kept_by.encoder.wide:
                scaled = 5 * FLOAT_BYTES if self.kept_by.encoder.dora else 0
                beside = (7 * self.s + self.widened if self.shape.half else 4 * self.s) + scaled
            gradients = max(gradients, beside)
        working: float = (self.f + gradients) * self.Sd
        if self.recomputes and self.kept_by.encoder.dora:
            working = max(working, self.f * self.Sd + self._multiplied_out())
        if self.recomputes:
            # The layer's input is among those kept.
            working += self.encoder_layer - (FLOAT_BYTES * self.Sd if self.f == FLOAT_BYTES else 0)
        last = self.held(made=self.shape.variant.decoder_parameters if not self.adapted else 0).plus(
            casts=self.casts.encoder_last_layer,
            encoder_activations=self.stem + self.encoder_layers + working,
        )
        first = self.held(made=self.trained).plus(
            casts=self.casts.encoder_first_layer,
            encoder_activations=self.stem + self.encoder_layers / self.shape.variant.encoder_layers + working,
        )
        return {"encoder backward, last layer": last, "encoder backward, first layer": first}

    def update(self) -> Parts:
        """The parts as weights change: nothing of the micro-batch is left."""
        gradients = FLOAT_BYTES * self.trained
        return replace(self.fixed, gradients=gradients).plus(optimizer_states=self.learning.update_bytes())
