"""Weights from elsewhere: what cannot be Whisper's is refused before a cluster starts."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from damages import OF_A_MODEL, OF_WEIGHTS, damaged_copy
from safetensors.torch import load_file, save_file

from raytrain.config.baseline import Audio, Model
from raytrain.errors import InputError
from raytrain.whisper.sound import fault_seen
from raytrain.whisper.weights import check, load, save

EARLY = {
    "_from_model_config": True, "begin_suppress_tokens": [220, 50256], "bos_token_id": 50256,
    "decoder_start_token_id": 50257, "eos_token_id": 50256, "forced_decoder_ids": [[1, 50362]], "max_length": 448,
    "pad_token_id": 50256, "transformers_version": "4.26.0.dev0",
}  # fmt: skip


def tiny(folder: Path) -> Model:
    return Model(variant="tiny", pretrained=str(folder), gradient_checkpointing=False)


def changed(source: Path, folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    folder.chmod(0o755)
    tensors = load_file(source / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_published_weights_are_sound(tiny_en: Path) -> None:
    assert fault_seen(tiny_en) is None
    check(tiny(tiny_en))


def test_random_weights_that_were_saved_are_sound(tmp_path: Path) -> None:
    save(load(Model(variant="tiny", pretrained=None), seed=0), tmp_path / "random", window=Audio(), extra={})
    assert fault_seen(tmp_path / "random") is None


@pytest.mark.parametrize(
    "damage", [OF_A_MODEL[name] for name in (*OF_WEIGHTS, "another model's config", "no tokenizer")]
)
def test_damaged_weights_are_refused_early_and_in_one_line(
    damage: Callable[[Path], None], tiny_en: Path, tmp_path: Path
) -> None:
    folder = damaged_copy(tiny_en, tmp_path / "damaged", damage)
    with pytest.raises(InputError) as refused:
        check(tiny(folder))
    assert "\n" not in str(refused.value)
    assert str(folder) in str(refused.value)


def test_one_flipped_bit_of_a_float32_exponent_is_seen(tiny_en: Path, tmp_path: Path) -> None:
    wide = changed(tiny_en, tmp_path / "wide", lambda all_of: all_of.update({k: v.float() for k, v in all_of.items()}))
    assert fault_seen(wide) is None
    OF_A_MODEL["a flipped exponent"](wide)
    assert "as no trained weights do" in str(fault_seen(wide))


def test_one_infinite_number_in_one_tensor_is_seen(tiny_en: Path, tmp_path: Path) -> None:
    name = "model.decoder.layers.3.fc2.bias"
    folder = changed(tiny_en, tmp_path / "inf", lambda tensors: tensors[name][7:8].fill_(torch.inf))
    with pytest.raises(InputError, match=rf"{name} holds numbers from .* to inf"):
        check(tiny(folder))


def test_a_tensor_of_another_shape_is_told_with_both(tiny_en: Path, tmp_path: Path) -> None:
    name = "model.encoder.conv1.bias"
    folder = changed(tiny_en, tmp_path / "shape", lambda tensors: tensors.update({name: tensors[name][:7].clone()}))
    with pytest.raises(InputError, match=r"conv1\.bias has the shape \(7,\), and \(384,\) by config\.json"):
        check(tiny(folder))


def test_tensors_that_whisper_does_not_have_are_left_unread(tiny_en: Path, tmp_path: Path) -> None:
    folder = changed(tiny_en, tmp_path / "more", lambda tensors: tensors.update({"ctc": torch.tensor([torch.nan])}))
    check(tiny(folder))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
@pytest.mark.parametrize("text", ["[]", "[" * 200_000, '{"d_model": ' + "9" * 5000 + "}", "\udcff"])
def test_a_file_that_is_no_json_object_is_named_in_one_line(
    name: str, text: str, tiny_en: Path, tmp_path: Path
) -> None:
    folder = damaged_copy(tiny_en, tmp_path / "odd", lambda copy: (copy / name).unlink())
    (folder / name).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=name) as refused:
        check(tiny(folder))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("config.json", "vocab_size", "many"), ("config.json", "activation_function", "nonsense"),
        ("config.json", "model_type", ["whisper"]), ("config.json", "encoder_ffn_dim", -1),
        ("tokenizer.json", "model", {"type": "none"}), ("tokenizer.json", "added_tokens", 7),
        ("generation_config.json", "suppress_tokens", "all"), ("generation_config.json", "eos_token_id", {}),
    ],
)  # fmt: skip
def test_a_key_of_a_wrong_type_ends_in_one_line(
    name: str, key: str, value: object, tiny_en: Path, tmp_path: Path
) -> None:
    folder = damaged_copy(tiny_en, tmp_path / "odd", lambda copy: (copy / name).chmod(0o644))
    (folder / name).write_text(json.dumps(json.loads((folder / name).read_text()) | {key: value}))
    with pytest.raises(InputError) as refused:
        check(tiny(folder))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("early", [EARLY, None], ids=["of 2022", "left out"])
def test_an_early_generation_config_is_completed(
    early: dict[str, object] | None, tiny_en: Path, tmp_path: Path
) -> None:
    folder = damaged_copy(tiny_en, tmp_path / "early", lambda copy: (copy / "generation_config.json").unlink())
    if early is not None:
        (folder / "generation_config.json").write_text(json.dumps(early))
    whisper = load(tiny(folder), seed=0)
    save(whisper, tmp_path / "saved", window=Audio(), extra={})
    saved = json.loads((tmp_path / "saved" / "generation_config.json").read_text())
    published = json.loads((tiny_en / "generation_config.json").read_text())
    assert not saved.get("_from_model_config")
    completed = ("is_multilingual", "no_timestamps_token_id", "prev_sot_token_id", "decoder_start_token_id")
    assert [saved[key] for key in completed] == [published[key] for key in completed]
    assert saved.get("begin_suppress_tokens") == (early or {}).get("begin_suppress_tokens")  # what it says stays


def test_a_tokenizer_of_more_tokens_than_the_weights_is_refused(tiny_en: Path, tmp_path: Path) -> None:
    folder = damaged_copy(tiny_en, tmp_path / "more", lambda copy: (copy / "tokenizer.json").chmod(0o644))
    described = json.loads((folder / "tokenizer.json").read_text())
    described["added_tokens"].append(described["added_tokens"][-1] | {"id": 51864, "content": "<|new|>"})
    (folder / "tokenizer.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="its tokenizer has 51865 tokens, and its weights 51864"):
        check(tiny(folder))


def test_a_damaged_neighbour_is_no_obstacle_to_random_weights(
    tiny_en: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTRAIN_MODELS", str(tmp_path))
    damaged = damaged_copy(tiny_en, tmp_path / "whisper-damaged", lambda copy: (copy / "config.json").unlink())
    (damaged / "config.json").write_text("{")
    assert load(Model(variant="tiny", pretrained=None), seed=0).source is None


def test_whole_numbers_are_no_weights(tiny_en: Path, tmp_path: Path) -> None:
    name = "model.encoder.conv1.bias"
    folder = changed(tiny_en, tmp_path / "int", lambda tensors: tensors.update({name: torch.arange(384)}))
    assert fault_seen(folder) == f"model.safetensors: {name} holds numbers of kind I64, not floating-point ones"
