"""A folder's config.json in; the shape of each of its Whisper's tensors by name, out.

A configuration like the published ones is gone by as it stands: torch and transformers' Whisper take a study's driver
four seconds to import, and it has no other use for them. Any other is built by transformers, which refuses what it can
make nothing of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from raytrain.errors import InputError
from raytrain.files import as_kind
from raytrain.whisper.folders import described

_Size = Annotated[int, Field(ge=1)]
_Shapes = dict[str, tuple[int, ...]]
_Numbers = Literal["float32", "float16", "bfloat16"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usual:
    """What published Whispers say, and in which types; a key that is not here may mean anything."""

    d_model: _Size
    encoder_layers: _Size
    decoder_layers: _Size
    encoder_attention_heads: _Size
    decoder_attention_heads: _Size
    encoder_ffn_dim: _Size
    decoder_ffn_dim: _Size
    num_mel_bins: _Size
    vocab_size: _Size
    max_source_positions: _Size
    max_target_positions: _Size
    pad_token_id: int
    model_type: Literal["whisper"]
    activation_function: Literal["gelu"]
    is_encoder_decoder: Literal[True] = True
    tie_word_embeddings: Literal[True] = True
    activation_dropout: float = 0.0
    apply_spec_augment: bool = False
    architectures: list[str] | None = None
    attention_dropout: float = 0.0
    begin_suppress_tokens: list[int] | None = None
    bos_token_id: int | None = None
    classifier_proj_size: int = 256
    decoder_layerdrop: float = 0.0
    decoder_start_token_id: int = 0
    dropout: float = 0.0
    dtype: _Numbers = None
    encoder_layerdrop: float = 0.0
    eos_token_id: int | None = None
    forced_decoder_ids: list[list[int | None]] | None = None
    init_std: float = 0.02
    mask_feature_length: int = 10
    mask_feature_min_masks: int = 0
    mask_feature_prob: float = 0.0
    mask_time_length: int = 10
    mask_time_min_masks: int = 2
    mask_time_prob: float = 0.0
    max_length: int = 448
    median_filter_width: int = 7
    num_hidden_layers: int = 0
    scale_embedding: bool = False
    suppress_tokens: list[int] | None = None
    torch_dtype: _Numbers = None
    transformers_version: str | None = None
    use_cache: bool = True
    use_weighted_layer_sum: bool = False


def tensor_shapes(folder: Path) -> _Shapes:
    """The shape of every tensor by its name, as config.json has them; InputError where it is no Whisper's."""
    config = described(folder)
    config.pop("_name_or_path", None)
    try:
        usual = as_kind(config, _Usual, place="config.json", way_out="ask transformers", extra="forbid")
    except InputError:
        return _built(folder)
    even = usual.d_model % usual.encoder_attention_heads == usual.d_model % usual.decoder_attention_heads == 0
    if not (even and usual.pad_token_id in range(usual.vocab_size)):
        return _built(folder)
    return dict(_by_rule(usual))


def _by_rule(usual: _Usual) -> Iterator[tuple[str, tuple[int, ...]]]:
    """As transformers' modeling_whisper.py names them, but for the output layer, which is the token embedding."""
    d = usual.d_model
    yield from _weight_and_bias("model.encoder.conv1", d, usual.num_mel_bins, 3)
    yield from _weight_and_bias("model.encoder.conv2", d, d, 3)
    yield "model.encoder.embed_positions.weight", (usual.max_source_positions, d)
    yield "model.decoder.embed_tokens.weight", (usual.vocab_size, d)
    yield "model.decoder.embed_positions.weight", (usual.max_target_positions, d)
    for half, layers, ffn in (
        ("encoder", usual.encoder_layers, usual.encoder_ffn_dim),
        ("decoder", usual.decoder_layers, usual.decoder_ffn_dim),
    ):
        for number in range(layers):
            layer = f"model.{half}.layers.{number}"
            for attention in ("self_attn", *(["encoder_attn"] if half == "decoder" else [])):
                yield f"{layer}.{attention}.k_proj.weight", (d, d)  # which has no bias
                for projection in ("q_proj", "v_proj", "out_proj"):
                    yield from _weight_and_bias(f"{layer}.{attention}.{projection}", d, d)
                yield from _weight_and_bias(f"{layer}.{attention}_layer_norm", d)
            yield from _weight_and_bias(f"{layer}.fc1", ffn, d)
            yield from _weight_and_bias(f"{layer}.fc2", d, ffn)
            yield from _weight_and_bias(f"{layer}.final_layer_norm", d)
        yield from _weight_and_bias(f"model.{half}.layer_norm", d)


def _weight_and_bias(name: str, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _built(folder: Path) -> _Shapes:
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    try:
        with torch.device("meta"):
            empty: Any = WhisperForConditionalGeneration(WhisperConfig.from_pretrained(folder, local_files_only=True))
    except Exception as error:  # which error it is depends on the key, and no key means more than another
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{folder}/config.json: not a Whisper's ({lines[-1].strip()}); fetch it again") from error
    return {name: tuple(tensor.shape) for name, tensor in empty.state_dict().items()}
