"""Peak GPU memory of scoring between steps: how it decodes in, bytes by named part out. Plain Python, no torch.

Decoding keeps the keys and values of every layer for every clip and beam, beside the weights and what the optimizer
remembers of them. Gradients are gone by then.
"""

from dataclasses import dataclass

from raytrain.config.adapter import Adapter
from raytrain.config.constants import FLOAT_BYTES
from raytrain.memory.learning import Learning, encoder_tensors, parameters
from raytrain.memory.step_shape import Parts, encoder_positions
from raytrain.whisper.labels import PROMPT_TOKENS
from raytrain.whisper.variants import Variant
from raytrain.whisper.window import frames


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingShape:
    """All that decides the memory of scoring one batch."""

    variant: Variant
    batch_size: int
    window_s: float
    new_tokens: int
    """The most tokens that a transcript may take."""
    num_beams: int = 1
    precision: str = "fp16"
    freeze_encoder: bool = False
    optimizer: str | None = "adamw"
    """Whose state lies beside; None before the first step."""
    adapter: Adapter | None = None
    base_precision: str = "fp32"
    condensed: bool = False


def decoding_peak(shape: DecodingShape) -> Parts:
    """The highest of three summits: the encoder's last linear layers, the first token of all clips, and the last."""
    v, half = shape.variant, shape.precision != "fp32"
    s = 2 if half else FLOAT_BYTES
    window = frames(shape.window_s)
    rows = shape.batch_size * shape.num_beams
    states = shape.batch_size * encoder_positions(shape.window_s, condensed=shape.condensed) * v.width
    learning = Learning(
        variant=v,
        freeze_encoder=shape.freeze_encoder,
        adapter=shape.adapter,
        base_precision=shape.base_precision,
        optimizer=shape.optimizer or "adamw",
    )
    if shape.adapter is None:
        encoder_trained = parameters(encoder_tensors(v)) if learning.encoder_learns else 0
        decoder_trained = v.decoder_parameters
    else:
        encoder_trained, decoder_trained = (parameters(learning.tensors_in(half)) for half in ("encoder", "decoder"))
    trained = encoder_trained + decoder_trained
    # Frozen weights are copied as they are read, the token embedding by the head; what could learn once for all.
    embedding = s * v.vocab_size * v.width if half else 0
    widened = shape.base_precision == "fp32" or shape.precision == "fp16"
    passing = embedding if shape.adapter is not None and widened else 0
    f = FLOAT_BYTES if widened else 2
    mel = (FLOAT_BYTES + (0 if shape.base_precision == "fp32" else 2)) * shape.batch_size * v.num_mel_bins * window
    held = Parts(weights=learning.weights_bytes(), optimizer_states=learning.state_bytes() if shape.optimizer else 0)
    # A layer's input, middle and normed states, the wide linear and its GELU, and the convolutions' output; beside fc2
    # an adapter reads GELU's output in float32. Autocast keeps casts of what could learn even where nothing does.
    working = 2 * f + FLOAT_BYTES + 9 * s
    if shape.adapter is not None and shape.adapter.targets == "all" and learning.adapts("encoder"):
        working = max(working + 4 * s, 2 * f + 10 * s + (4 * FLOAT_BYTES if half else 0))
    encoding = held.plus(casts=s * encoder_trained if half else 0, encoder_activations=mel + working * states)
    # Every clip's encoder output for each of its beams, and the keys and values made from it.
    cached = states * shape.num_beams + rows * (PROMPT_TOKENS + shape.new_tokens) * v.width
    decoding = held.plus(
        casts=s * trained if half else 0,
        encoder_activations=mel + FLOAT_BYTES * states * shape.num_beams,
        decoder_activations=2 * s * v.decoder_layers * cached,
    )
    keys = s * states * shape.num_beams
    # The last layer's, as they come from the linear layer and as they are put into the cache. The head is yet to come.
    first_token = decoding.plus(decoder_activations=2 * keys, casts=0 if shape.adapter is not None else -embedding)
    # Logits of the prompt, which is decoded at once; then logits in float32 and as log-probabilities; or these beside
    # one layer's keys, put into the order of the beams.
    scores = rows * v.vocab_size
    at_prompt = scores * PROMPT_TOKENS * s + max(scores * FLOAT_BYTES, passing)
    logits = max(at_prompt, scores * (2 * FLOAT_BYTES + s))
    reordered = keys + scores * 2 * FLOAT_BYTES if shape.num_beams > 1 else 0
    last_token = decoding.plus(head=max(logits, reordered))
    return max(encoding, first_token, last_token, key=lambda parts: parts.total)
