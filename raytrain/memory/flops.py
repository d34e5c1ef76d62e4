"""What training on one clip costs: the shape of a step in, floating-point operations out. Plain Python."""

from raytrain.memory.step_shape import StepShape


def train_flops_per_clip(shape: StepShape) -> float:
    """Floating-point operations of the forward pass, of the backward pass, which takes twice as many, and of one more
    forward pass where layers are recomputed. A frozen encoder runs forward alone."""
    v, positions, tokens = shape.variant, shape.positions, shape.label_tokens
    d = v.width
    convolutions = 12 * v.num_mel_bins * d * positions + 6 * d * d * positions
    encoder = v.encoder_layers * (24 * positions * d * d + 4 * positions**2 * d)
    decoder = v.decoder_layers * (
        28 * tokens * d * d + 4 * tokens**2 * d + 4 * positions * d * d + 4 * tokens * positions * d
    )
    head = 2 * tokens * d * v.vocab_size
    passes = 4 if shape.gradient_checkpointing else 3
    if shape.freeze_encoder:
        return convolutions + encoder + passes * decoder + 3 * head
    return 3 * convolutions + passes * (encoder + decoder) + 3 * head
