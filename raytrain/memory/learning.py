"""What learns in a Whisper, and what that takes: a variant and what is trained in; parameters and bytes out.

Plain Python. The tensors of a model are counted by their shape, since an optimizer's state goes by it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from raytrain.config.adapter import Adapter
from raytrain.config.baseline import Baseline
from raytrain.config.constants import FLOAT_BYTES
from raytrain.whisper.variants import MAX_TARGET_POSITIONS, VARIANTS, Variant

Tensors = Mapping[tuple[int, ...], int]
"""How many tensors of each shape there are."""

_HALF_BYTES = 2
_LEAST_IN_8_BITS, _OPTIMIZER_BLOCK = 4096, 256
"""bitsandbytes keeps the moments of smaller tensors in float32, and for each block of larger ones a float32 scale."""
_NF4_BLOCK, _SCALES = 64, 256
"""Weights that share a scale in nf4, which is a byte, and how many of these share a float32 scale (QLoRA's double
quantization)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What is trained of a model, by which rule, over which weights."""

    variant: Variant
    freeze_encoder: bool = False
    adapter: Adapter | None = None
    base_precision: str = "fp32"
    optimizer: str = "adamw"
    """adamw, adamw_8bit or adafactor."""

    @property
    def encoder_learns(self) -> bool:
        """Whether gradients run through the encoder."""
        return not self.freeze_encoder if self.adapter is None else self.adapter.where != "decoder"

    def adapts(self, half: str) -> bool:
        """Whether there are adapters in the encoder or the decoder."""
        return self.adapter is not None and self.adapter.where in (half, "both")

    def tensors(self) -> Tensors:
        """The tensors that are trained."""
        if self.adapter is not None:
            return adapter_tensors(self.variant, self.adapter)
        decoder = decoder_tensors(self.variant)
        return decoder if self.freeze_encoder else _sum(decoder, encoder_tensors(self.variant))

    def tensors_in(self, half: str) -> Tensors:
        """The tensors of an adapter in the encoder or the decoder."""
        if self.adapter is None or not self.adapts(half):
            return {}
        return adapter_tensors(self.variant, self.adapter.model_copy(update={"where": half}))

    def trained(self) -> int:
        """Parameters that are trained."""
        return parameters(self.tensors())

    def weights_bytes(self) -> float:
        """All weights: the frozen ones in the base's precision, what learns in float32."""
        if self.adapter is None:
            return FLOAT_BYTES * self.variant.parameters
        return self.base_bytes() + FLOAT_BYTES * self.trained()

    def base_bytes(self) -> float:
        """The weights that were published, as they are kept under an adapter."""
        v = self.variant
        if self.base_precision == "fp32":
            return FLOAT_BYTES * v.parameters
        if self.base_precision == "bf16":
            return _HALF_BYTES * v.parameters
        linear = _linear_layers(v)
        rows = sum(shape[0] * count for shape, count in linear.items())
        quantized = parameters(linear)
        others = _HALF_BYTES * (v.parameters - quantized)
        if self.base_precision == "int8":
            return others + quantized + FLOAT_BYTES * rows
        return others + quantized * (1 / 2 + 1 / _NF4_BLOCK + FLOAT_BYTES / (_NF4_BLOCK * _SCALES))

    def state_bytes(self) -> float:
        """What the optimizer keeps from step to step."""
        return sum(count * _state_bytes(shape, self.optimizer) for shape, count in self.tensors().items())

    def update_bytes(self) -> float:
        """What the optimizer takes while it changes one tensor: Adafactor makes each update whole in float32."""
        if self.optimizer != "adafactor":
            return 0
        return FLOAT_BYTES * max(math.prod(shape) for shape in self.tensors())


def learning_of(config: Baseline) -> Learning:
    """What a run of this baseline trains."""
    return Learning(
        variant=VARIANTS[config.model.variant],
        freeze_encoder=config.model.freeze_encoder,
        adapter=config.model.adapter,
        base_precision=config.model.base_precision,
        optimizer=config.training.optimizer,
    )


def parameters(tensors: Tensors) -> int:
    """The numbers in so many tensors."""
    return sum(math.prod(shape) * count for shape, count in tensors.items())


def encoder_tensors(v: Variant) -> Tensors:
    """The encoder's tensors that can be trained: all but its sinusoids."""
    d, layers = v.width, v.encoder_layers
    stem = {(d, v.num_mel_bins, 3): 1, (d, d, 3): 1, (d,): 4}  # two biases, and the norm at the end
    return _sum(stem, {(d, d): 4 * layers, (4 * d, d): layers, (d, 4 * d): layers, (4 * d,): layers, (d,): 8 * layers})


def decoder_tensors(v: Variant) -> Tensors:
    """The decoder's tensors, the token embedding among them, which is the output layer as well."""
    d, layers = v.width, v.decoder_layers
    ends = {(v.vocab_size, d): 1, (MAX_TARGET_POSITIONS, d): 1, (d,): 2}
    return _sum(ends, {(d, d): 8 * layers, (4 * d, d): layers, (d, 4 * d): layers, (4 * d,): layers, (d,): 13 * layers})


def adapter_tensors(v: Variant, adapter: Adapter) -> Tensors:
    """The tensors of an adapter: A and B beside each target and, of DoRA, the length of each row."""
    counted: dict[tuple[int, ...], int] = {}
    for (out, into), count in _targets(v, adapter).items():
        for shape in ((adapter.rank, into), (out, adapter.rank), *([(out,)] if adapter.dora else [])):
            counted[shape] = counted.get(shape, 0) + count
    return counted


def _targets(v: Variant, adapter: Adapter) -> dict[tuple[int, int], int]:
    """How many linear layers of each shape have an adapter beside them."""
    d = v.width
    encoder = v.encoder_layers if adapter.where != "decoder" else 0
    decoder = v.decoder_layers if adapter.where != "encoder" else 0
    wide = encoder + decoder if adapter.targets == "all" else 0
    return {(d, d): 4 * encoder + 8 * decoder, (4 * d, d): wide, (d, 4 * d): wide}


def _linear_layers(v: Variant) -> Tensors:
    """The weights of all linear layers inside the blocks."""
    d, layers = v.width, v.encoder_layers + v.decoder_layers
    return {(d, d): 4 * v.encoder_layers + 8 * v.decoder_layers, (4 * d, d): layers, (d, 4 * d): layers}


def _state_bytes(shape: tuple[int, ...], optimizer: str) -> float:
    numbers = math.prod(shape)
    if optimizer == "adafactor":
        # The mean square of each row and of each column, of the last two dimensions; of a vector all.
        return FLOAT_BYTES * (numbers / shape[-1] + numbers / shape[-2] if len(shape) > 1 else numbers)
    if optimizer == "adamw_8bit" and numbers >= _LEAST_IN_8_BITS:
        return 2 * (numbers + FLOAT_BYTES * math.ceil(numbers / _OPTIMIZER_BLOCK))
    return 2 * FLOAT_BYTES * numbers


def _sum(*counted: Tensors) -> Tensors:
    shapes = dict.fromkeys(shape for tensors in counted for shape in tensors)
    return {shape: sum(tensors.get(shape, 0) for tensors in counted) for shape in shapes}
