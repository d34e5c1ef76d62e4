"""The shapes of a Whisper's tensors by its config.json, beside transformers' own model, and with torch left alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import WhisperConfig, WhisperForConditionalGeneration

from raytrain.config.baseline import Model
from raytrain.errors import InputError
from raytrain.whisper.configs import shape_settings
from raytrain.whisper.shapes import tensor_shapes
from raytrain.whisper.sound import fault_seen
from raytrain.whisper.variants import VARIANTS

NARROW = {"d_model": 24, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 40, "decoder_ffn_dim": 56}


def configured(folder: Path, **settings: Any) -> WhisperConfig:
    config = WhisperConfig(**settings)
    config.save_pretrained(folder)
    return config


def shapes_of(model: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if name != "proj_out.weight"}


@pytest.mark.parametrize(
    "settings",
    [*(shape_settings(variant) for variant in VARIANTS.values()), NARROW | {"max_source_positions": 90}],
    ids=[*VARIANTS, "another"],
)
def test_every_tensor_has_the_name_and_the_shape_that_transformers_gives_it(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path, **settings)
    with torch.device("meta"):
        wanted = shapes_of(WhisperForConditionalGeneration(config))
    monkeypatch.setattr("raytrain.whisper.shapes._built", lambda folder: pytest.fail("transformers was asked"))
    assert tensor_shapes(tmp_path) == wanted


@pytest.mark.parametrize(
    "odd", [{"activation_function": "relu"}, {"of_another_version": 7}, {"tie_word_embeddings": False}], ids=str
)
def test_of_what_is_not_usual_transformers_is_asked(odd: dict[str, Any], tmp_path: Path) -> None:
    configured(tmp_path, **NARROW)
    path = tmp_path / "config.json"
    usual = tensor_shapes(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | odd))
    assert tensor_shapes(tmp_path) == usual | {"proj_out.weight": (51865, 24)}


def test_where_no_padding_token_is_named_transformers_own_has_to_fit(tmp_path: Path) -> None:
    configured(tmp_path, **NARROW, vocab_size=300, pad_token_id=0)
    path = tmp_path / "config.json"
    assert tensor_shapes(tmp_path)["model.decoder.embed_tokens.weight"] == (300, 24)
    described = json.loads(path.read_text())
    del described["pad_token_id"]
    path.write_text(json.dumps(described))
    with pytest.raises(InputError, match=r"config\.json: not a Whisper's"):
        tensor_shapes(tmp_path)


@pytest.mark.parametrize(
    "wrong", [{"encoder_attention_heads": 5}, {"pad_token_id": 60000}, {"vocab_size": -3}], ids=str
)
def test_what_no_model_can_be_built_from_is_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    configured(tmp_path, **NARROW)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(InputError, match=r"config\.json: not a Whisper's") as refused:
        tensor_shapes(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("value", "told"),
    [(torch.nan, "nan"), (-torch.inf, "-inf"), (None, None)],
)
def test_one_number_that_is_none_is_seen_in_every_precision(
    dtype: torch.dtype, value: float | None, told: str | None, tmp_path: Path
) -> None:
    model = WhisperForConditionalGeneration(configured(tmp_path, **NARROW)).to(dtype)
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items() if name != "proj_out.weight"}
    if value is not None:
        tensors["model.decoder.layers.1.fc1.weight"][-1, -1] = value
    save_file(tensors, tmp_path / "model.safetensors")
    fault = fault_seen(tmp_path)
    if told is None:
        assert fault is None
    else:
        assert fault is not None
        assert "model.decoder.layers.1.fc1.weight holds numbers from" in fault
        assert told in fault


def test_weights_as_published_are_looked_at_without_torch(tiny_en: Path) -> None:
    model = Model(variant="tiny", pretrained=str(tiny_en), gradient_checkpointing=False)
    code = (
        "import sys; from raytrain.config.baseline import Model; from raytrain.whisper.weights import check; "
        f"check(Model.model_validate_json({model.model_dump_json()!r})); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
