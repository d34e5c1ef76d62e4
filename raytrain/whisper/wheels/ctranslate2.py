"""Whisper in CTranslate2's binary form, read as data: the bytes of a model.bin in, transformers' state dict out.

The form (version 6): a header, a count, then per variable a name, a shape, an element type and its bytes; then aliases.
Integers are little endian; a string is its length in two bytes, its characters and a zero byte.
"""

import struct
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
"""Arrays by the names of the variables they hold."""

_VERSION = 6
_TYPES: dict[int, Any] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
"""NumPy's type for each of the form's codes of element types."""


class NotReadable(ValueError):
    """The bytes are not a Whisper model in this form."""


def read_whisper(data: bytes) -> Arrays:
    """All variables by their CTranslate2 names; the arrays are views into `data`."""
    cursor = _Cursor(data)
    (version,) = cursor.take("I")
    if version != _VERSION:
        raise NotReadable(f"the binary has version {version}, not {_VERSION}")
    model = cursor.string()
    if model != "WhisperSpec":
        raise NotReadable(f"the binary holds a {model}, not a WhisperSpec")
    cursor.take("I")  # the revision of the specification
    (count,) = cursor.take("I")
    variables = dict(cursor.variable() for _ in range(count))
    (aliases,) = cursor.take("I")
    for _ in range(aliases):
        alias, name = cursor.string(), cursor.string()
        variables[alias] = variables[name]
    if cursor.position != len(data):
        raise NotReadable(f"{len(data) - cursor.position} bytes follow the last variable")
    return variables


def to_transformers(variables: Arrays) -> Arrays:
    """WhisperForConditionalGeneration's state dict in float32, without its output layer, which is the embedding."""
    state = {"model.decoder.embed_tokens.weight": variables["decoder/embeddings/weight"]}
    for name in ("conv1", "conv2"):
        state |= _linear(variables, f"encoder/{name}", f"model.encoder.{name}")
    for side in ("encoder", "decoder"):
        state[f"model.{side}.embed_positions.weight"] = variables[f"{side}/position_encodings/encodings"]
        state |= _norm(variables, f"{side}/layer_norm", f"model.{side}.layer_norm")
        layer = 0
        while f"{side}/layer_{layer}/ffn/linear_0/weight" in variables:
            state |= _layer(variables, f"{side}/layer_{layer}", f"model.{side}.layers.{layer}", side=side)
            layer += 1
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in state.items()}


def _layer(variables: Arrays, source: str, target: str, *, side: str) -> Arrays:
    own, cross = f"{source}/self_attention", f"{source}/attention"
    state = _norm(variables, f"{own}/layer_norm", f"{target}.self_attn_layer_norm")
    state |= _fused(variables, f"{own}/linear_0", f"{target}.self_attn", ("q_proj", "k_proj", "v_proj"))
    state |= _linear(variables, f"{own}/linear_1", f"{target}.self_attn.out_proj")
    if side == "decoder":
        state |= _norm(variables, f"{cross}/layer_norm", f"{target}.encoder_attn_layer_norm")
        state |= _linear(variables, f"{cross}/linear_0", f"{target}.encoder_attn.q_proj")
        state |= _fused(variables, f"{cross}/linear_1", f"{target}.encoder_attn", ("k_proj", "v_proj"))
        state |= _linear(variables, f"{cross}/linear_2", f"{target}.encoder_attn.out_proj")
    state |= _norm(variables, f"{source}/ffn/layer_norm", f"{target}.final_layer_norm")
    state |= _linear(variables, f"{source}/ffn/linear_0", f"{target}.fc1")
    return state | _linear(variables, f"{source}/ffn/linear_1", f"{target}.fc2")


def _linear(variables: Arrays, source: str, target: str) -> Arrays:
    weight = variables[f"{source}/weight"]
    if not np.issubdtype(weight.dtype, np.floating):
        raise NotReadable(f"{source} is quantised to {weight.dtype}: the original weights cannot be had from it")
    return {f"{target}.weight": weight, f"{target}.bias": variables[f"{source}/bias"]}


def _norm(variables: Arrays, source: str, target: str) -> Arrays:
    return {f"{target}.weight": variables[f"{source}/gamma"], f"{target}.bias": variables[f"{source}/beta"]}


def _fused(variables: Arrays, source: str, target: str, projections: tuple[str, ...]) -> Arrays:
    """Split projections that were stacked into one matrix. Whisper's keys have no bias; the stack holds zeros there."""
    whole = _linear(variables, source, source)
    weights, biases = (np.split(whole[f"{source}.{kind}"], len(projections)) for kind in ("weight", "bias"))
    state = {}
    for projection, weight, bias in zip(projections, weights, biases, strict=True):
        state[f"{target}.{projection}.weight"] = weight
        if projection != "k_proj":
            state[f"{target}.{projection}.bias"] = bias
        elif bias.any():
            raise NotReadable(f"{source} has a bias on its keys, which Whisper has not")
    return state


class _Cursor:
    """A reader of bytes that remembers its position."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, layout: str) -> tuple[int, ...]:
        fields = struct.Struct("<" + layout)
        return fields.unpack(self._bytes(fields.size))

    def string(self) -> str:
        (length,) = self.take("H")
        return bytes(self._bytes(length)).rstrip(b"\0").decode()

    def variable(self) -> tuple[str, np.ndarray]:
        name = self.string()
        (rank,) = self.take("B")
        shape = self.take(f"{rank}I")
        element, size = self.take("BI")
        if element not in _TYPES:
            raise NotReadable(f"{name} has elements of the unknown type {element}")
        return name, np.frombuffer(self._bytes(size), _TYPES[element]).reshape(shape)

    def _bytes(self, count: int) -> memoryview:
        start, self.position = self.position, self.position + count
        if self.position > len(self._data):
            raise NotReadable(f"the binary ends early, after {len(self._data)} bytes")
        return memoryview(self._data)[start : self.position]
