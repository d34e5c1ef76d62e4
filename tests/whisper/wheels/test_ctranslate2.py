"""CTranslate2's binary, written here from a small Whisper, reads back as that Whisper."""

import struct

import numpy as np
import pytest
from transformers import WhisperConfig, WhisperForConditionalGeneration

from raytrain.whisper.wheels.ctranslate2 import NotReadable, read_whisper, to_transformers

TYPES = {"float32": 0, "int8": 1, "float16": 4, "uint8": 9}  # the last is none of theirs
State = dict[str, np.ndarray]


def _string(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def _binary(variables: State, *, version: int = 6, spec: str = "WhisperSpec", aliases: tuple[str, ...] = ()) -> bytes:
    parts = [struct.pack("<I", version), _string(spec), struct.pack("<II", 3, len(variables))]
    for name, array in variables.items():
        shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        parts += [_string(name), shape, struct.pack("<BI", TYPES[array.dtype.name], array.nbytes), array.tobytes()]
    parts += [struct.pack("<I", len(aliases) // 2), *map(_string, aliases)]
    return b"".join(parts)


def _variables(state: State, layers: int) -> State:
    """The state dict of transformers in CTranslate2's names, projections stacked."""
    made: State = {"decoder/embeddings/weight": state["model.decoder.embed_tokens.weight"]}

    def linear(name: str, source: str) -> None:
        made[f"{name}/weight"], made[f"{name}/bias"] = state[f"{source}.weight"], state[f"{source}.bias"]

    def norm(name: str, source: str) -> None:
        made[f"{name}/gamma"], made[f"{name}/beta"] = state[f"{source}.weight"], state[f"{source}.bias"]

    def stacked(name: str, source: str, projections: str) -> None:
        weights = [state[f"{source}.{kind}_proj.weight"] for kind in projections]
        none = np.zeros(len(weights[0]), weights[0].dtype)
        made[f"{name}/weight"] = np.concatenate(weights)
        made[f"{name}/bias"] = np.concatenate([state.get(f"{source}.{kind}_proj.bias", none) for kind in projections])

    linear("encoder/conv1", "model.encoder.conv1")
    linear("encoder/conv2", "model.encoder.conv2")
    for side in ("encoder", "decoder"):
        made[f"{side}/position_encodings/encodings"] = state[f"model.{side}.embed_positions.weight"]
        norm(f"{side}/layer_norm", f"model.{side}.layer_norm")
        for layer in range(layers):
            ours, theirs = f"{side}/layer_{layer}", f"model.{side}.layers.{layer}"
            norm(f"{ours}/self_attention/layer_norm", f"{theirs}.self_attn_layer_norm")
            stacked(f"{ours}/self_attention/linear_0", f"{theirs}.self_attn", "qkv")
            linear(f"{ours}/self_attention/linear_1", f"{theirs}.self_attn.out_proj")
            norm(f"{ours}/ffn/layer_norm", f"{theirs}.final_layer_norm")
            linear(f"{ours}/ffn/linear_0", f"{theirs}.fc1")
            linear(f"{ours}/ffn/linear_1", f"{theirs}.fc2")
    for layer in range(layers):
        ours, theirs = f"decoder/layer_{layer}/attention", f"model.decoder.layers.{layer}"
        norm(f"{ours}/layer_norm", f"{theirs}.encoder_attn_layer_norm")
        linear(f"{ours}/linear_0", f"{theirs}.encoder_attn.q_proj")
        stacked(f"{ours}/linear_1", f"{theirs}.encoder_attn", "kv")
        linear(f"{ours}/linear_2", f"{theirs}.encoder_attn.out_proj")
    return made


@pytest.fixture(scope="module")
def small_state() -> State:
    config = WhisperConfig(
        vocab_size=50,
        d_model=8,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        pad_token_id=0,
    )
    tensors = WhisperForConditionalGeneration(config).state_dict()
    return {name: tensor.numpy() for name, tensor in tensors.items() if name != "proj_out.weight"}


def test_a_whole_model_reads_back_bit_for_bit(small_state: State) -> None:
    read = to_transformers(read_whisper(_binary(_variables(small_state, layers=2))))
    assert read.keys() == small_state.keys()
    assert all(np.array_equal(read[name], array) for name, array in small_state.items())


def test_half_precision_is_widened(small_state: State) -> None:
    halves = {name: array.astype(np.float16) for name, array in small_state.items()}
    read = to_transformers(read_whisper(_binary(_variables(halves, layers=2))))
    assert {array.dtype for array in read.values()} == {np.dtype(np.float32)}
    assert all(np.array_equal(read[name], array) for name, array in halves.items())


def test_an_alias_names_the_same_variable() -> None:
    read = read_whisper(_binary({"a": np.ones(2, np.float32)}, aliases=("b", "a")))
    assert np.array_equal(read["b"], [1, 1])


def test_quantised_weights_are_refused(small_state: State) -> None:
    variables = _variables(small_state, layers=2)
    variables["encoder/conv1/weight"] = variables["encoder/conv1/weight"].astype(np.int8)
    with pytest.raises(NotReadable, match="encoder/conv1 is quantised to int8"):
        to_transformers(read_whisper(_binary(variables)))


def test_a_bias_on_keys_is_refused(small_state: State) -> None:
    variables = _variables(small_state, layers=2)
    bias = variables["decoder/layer_1/attention/linear_1/bias"]
    variables["decoder/layer_1/attention/linear_1/bias"] = np.ones_like(bias)
    with pytest.raises(NotReadable, match="a bias on its keys"):
        to_transformers(read_whisper(_binary(variables)))


@pytest.mark.parametrize(
    ("data", "fact"),
    [
        (_binary({}, version=5), "version 5, not 6"),
        (_binary({}, spec="TransformerSpec"), "holds a TransformerSpec"),
        (_binary({"a": np.ones(9, np.float32)})[:-8], "ends early"),
        (_binary({}) + b"more", "4 bytes follow"),
        (_binary({"a": np.ones(1, np.uint8)}), "unknown type 9"),
    ],
    ids=["version", "kind", "cut", "longer", "element type"],
)
def test_what_is_not_such_a_binary_is_refused_with_the_reason(data: bytes, fact: str) -> None:
    with pytest.raises(NotReadable, match=fact):
        read_whisper(data)
