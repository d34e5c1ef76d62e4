"""What training on one clip costs: the shape of a step in, floating-point operations out. Plain Python."""

from raytrain.memory.step_shape import StepShape
from raytrain.whisper.window import frames


def train_flops_per_clip(shape: StepShape) -> float:
    """Floating-point operations of the forward pass, of the backward pass, which takes twice as many, and of one more
    forward pass where layers are recomputed. Under an adapter weights have no gradient, so that a linear layer's
    backward pass takes as many as its forward pass. An encoder in which nothing learns runs forward alone."""
    v, positions, tokens = shape.variant, shape.positions, shape.label_tokens
    d, learning, adapted = v.width, shape.learning, shape.adapter is not None
    heard = frames(shape.window_s) // 2
    convolutions = 12 * v.num_mel_bins * d * heard + 6 * d * d * heard
    encoder_linear = v.encoder_layers * 24 * positions * d * d
    encoder_attention = v.encoder_layers * 4 * positions**2 * d
    decoder_linear = v.decoder_layers * (28 * tokens * d * d + 4 * positions * d * d)
    decoder_attention = v.decoder_layers * (4 * tokens**2 * d + 4 * tokens * positions * d)
    head = 2 * tokens * d * v.vocab_size
    again = 1 if shape.gradient_checkpointing else 0
    linear = (2 if adapted else 3) + again
    attention = 3 + again
    flops = linear * decoder_linear + attention * decoder_attention + (2 if adapted else 3) * head
    if learning.encoder_learns:
        flops += (1 if adapted else 3) * convolutions + linear * encoder_linear + attention * encoder_attention
    else:
        flops += convolutions + encoder_linear + encoder_attention
    return flops + attention * _of_adapter(shape)


def _of_adapter(shape: StepShape) -> float:
    """The forward pass of an adapter's two matrices beside each target."""
    adapter, v = shape.adapter, shape.variant
    if adapter is None:
        return 0
    wide = adapter.targets == "all"
    flops = 0.0
    if adapter.where != "decoder":
        flops += v.encoder_layers * (8 + (10 if wide else 0)) * shape.positions
    if adapter.where != "encoder":
        flops += v.decoder_layers * ((12 + (10 if wide else 0)) * shape.label_tokens + 4 * shape.positions)
    return 2 * adapter.rank * v.width * flops
