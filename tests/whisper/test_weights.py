"""Weights: loaded as a configuration wants them, saved so that others load them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file, save_file
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from raytrain.config.baseline import Audio, Model
from raytrain.errors import InputError
from raytrain.whisper.labels import encode
from raytrain.whisper.weights import Whisper, check, load, save
from raytrain.whisper.window import audio_window

RANDOM = Model(variant="tiny", pretrained=None)


@pytest.fixture(scope="module")
def saved(tiny: Whisper, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Saved amid a fitted forward, as an interrupted run may."""
    folder = tmp_path_factory.mktemp("saved") / "step-000003"
    with audio_window(tiny.model, 400):
        save(tiny, folder, window=Audio(margin_s=0.5), extra={"step": 3})
    return folder


def test_weights_are_widened_to_float32_whatever_the_file_holds(tiny: Whisper) -> None:
    assert {parameter.dtype for parameter in tiny.model.parameters()} == {torch.float32}
    assert tiny.model.num_parameters() == 37_760_256


def test_published_weights_were_trained_for_the_full_window(tiny: Whisper, tiny_model: Model) -> None:
    assert (tiny.trained_window, tiny.source) == ("full", tiny_model.pretrained)


def test_dropout_is_the_configured_one_and_no_other_is_on(tiny_model: Model) -> None:
    model = load(tiny_model.model_copy(update={"dropout": 0.2}), seed=0).model
    assert {
        model.model.encoder.layers[0].dropout,
        model.model.decoder.layers[3].dropout,
        model.model.encoder.dropout,
    } == {0.2}
    assert model.model.decoder.layers[0].self_attn.dropout == model.model.decoder.layers[0].activation_dropout == 0
    assert not model.config.apply_spec_augment


def test_a_frozen_encoder_gets_no_gradient(tiny_model: Model) -> None:
    model = load(tiny_model.model_copy(update={"freeze_encoder": True}), seed=0).model
    assert not any(parameter.requires_grad for parameter in model.model.encoder.parameters())
    assert all(parameter.requires_grad for parameter in model.model.decoder.parameters())


def test_gradient_checkpointing_is_on_in_every_layer_or_in_none(tiny: Whisper, tiny_model: Model) -> None:
    model = load(tiny_model.model_copy(update={"gradient_checkpointing": True}), seed=0).model
    assert all(layer.gradient_checkpointing for layer in [*model.model.encoder.layers, *model.model.decoder.layers])
    assert not tiny.model.is_gradient_checkpointing


def test_a_saved_folder_loads_in_transformers_and_holds_the_same_weights(tiny: Whisper, saved: Path) -> None:
    theirs, about = WhisperForConditionalGeneration.from_pretrained(saved, output_loading_info=True)
    assert not about["missing_keys"]
    assert not about["unexpected_keys"]
    ours = tiny.model.state_dict()
    assert all(torch.equal(tensor, ours[name]) for name, tensor in theirs.state_dict().items())
    assert theirs.config.max_source_positions == 1500
    assert theirs.generation_config.suppress_tokens == tiny.model.generation_config.suppress_tokens


def settings_in(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the model's and the generation's configuration hold."""
    config, generation = (json.loads((folder / f"{name}config.json").read_text()) for name in ("", "generation_"))
    return config, generation


def test_settings_of_training_are_saved_with_neither_configuration(tiny_model: Model, tmp_path: Path) -> None:
    whisper = load(tiny_model.model_copy(update={"dropout": 0.1}), seed=0)
    save(whisper, tmp_path / "saved", window=Audio(), extra={})
    assert whisper.model.config.dropout == 0.1
    config, generation = settings_in(tmp_path / "saved")
    assert (config["dropout"], config["use_cache"]) == (0.0, True)
    assert generation.keys().isdisjoint({"dropout", "attention_dropout", "encoder_layerdrop", "apply_spec_augment"})
    assert generation.get("use_cache", True)


def test_settings_of_training_that_an_earlier_version_saved_are_not_saved_again(
    tiny_model: Model, saved: Path, tmp_path: Path
) -> None:
    shutil.copytree(saved, tmp_path / "earlier")
    leaked = settings_in(saved)[1] | {"dropout": 0.1, "use_cache": False}
    (tmp_path / "earlier" / "generation_config.json").write_text(json.dumps(leaked))
    again = load(tiny_model.model_copy(update={"pretrained": str(tmp_path / "earlier")}), seed=0)
    save(again, tmp_path / "again", window=Audio(), extra={})
    _, generation = settings_in(tmp_path / "again")
    assert "dropout" not in generation
    assert generation["use_cache"]


def test_a_saved_model_decodes_with_its_cache(saved: Path, adult_mel: torch.Tensor) -> None:
    theirs = WhisperForConditionalGeneration.from_pretrained(saved)
    lengths: list[int] = []
    theirs.get_decoder().embed_tokens.register_forward_hook(lambda _, inputs, __: lengths.append(inputs[0].shape[1]))
    theirs.generate(adult_mel[1:], max_new_tokens=4)
    assert lengths == [2, 1, 1, 1]  # without the cache every step reads the whole transcript again


def test_a_saved_folder_brings_its_processor_and_normaliser(tiny: Whisper, tiny_model: Model, saved: Path) -> None:
    processor = WhisperProcessor.from_pretrained(saved)
    assert processor.feature_extractor.feature_size == 80
    assert processor.tokenizer(" hello").input_ids[1:] == encode(tiny.tokenizer, "hello", tiny_model)
    assert processor.tokenizer.normalize("Colour") == tiny.tokenizer.normalize("color")


def test_a_saved_folder_tells_its_window_and_origin_when_loaded_again(tiny_model: Model, saved: Path) -> None:
    again = load(tiny_model.model_copy(update={"pretrained": str(saved)}), seed=0)
    assert (again.trained_window, again.source) == ("condensed", tiny_model.pretrained)
    beside = json.loads((saved / "raytrain.json").read_text())
    assert beside["step"] == 3
    assert beside["window"]["margin_s"] == 0.5


def test_saving_leaves_the_model_as_it_was_and_never_goes_over_another(tiny: Whisper, saved: Path) -> None:
    assert tiny.model.config.max_source_positions == 1500
    with pytest.raises(FileExistsError, match="step-000003"):
        save(tiny, saved, window=Audio(), extra={})


def test_the_variant_must_be_that_of_the_weights(tiny_model: Model) -> None:
    with pytest.raises(InputError, match=r"are whisper-tiny, not whisper-small; set model\.variant=tiny"):
        check(tiny_model.model_copy(update={"variant": "small"}))


def test_weights_of_another_kind_are_refused(tiny_en: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_en, tmp_path / "other")
    (tmp_path / "other" / "config.json").unlink()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "wav2vec2"}')
    with pytest.raises(InputError, match="of type wav2vec2"):
        load(Model(variant="tiny", pretrained=str(tmp_path / "other")), seed=0)


def test_a_cut_weights_file_is_refused(tiny_en: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(tiny_en, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    with (tiny_en / "model.safetensors").open("rb") as whole:
        (folder / "model.safetensors").write_bytes(whole.read(1_000_000))
    with pytest.raises(InputError, match="fetch it again"):
        load(Model(variant="tiny", pretrained=str(folder)), seed=0)


def test_weights_with_a_gap_are_refused_rather_than_filled_with_noise(tiny_en: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gap"
    shutil.copytree(tiny_en, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    tensors = load_file(tiny_en / "model.safetensors")
    del tensors["model.decoder.layer_norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lack model\.decoder\.layer_norm\.weight"):
        load(Model(variant="tiny", pretrained=str(folder)), seed=0)


def test_random_weights_are_drawn_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = load(RANDOM, seed=7).model.model.encoder.conv1.weight
    torch.manual_seed(2)
    assert torch.equal(load(RANDOM, seed=7).model.model.encoder.conv1.weight, first)
    assert not torch.equal(load(RANDOM, seed=8).model.model.encoder.conv1.weight, first)


def test_random_weights_have_the_variants_shape_and_no_source_even_when_saved(tmp_path: Path) -> None:
    drawn = load(RANDOM, seed=0)
    assert drawn.model.config.vocab_size == 51865
    save(drawn, tmp_path / "random", window=Audio(window="full"), extra={})
    again = load(RANDOM.model_copy(update={"pretrained": str(tmp_path / "random")}), seed=0)
    assert (drawn.source, again.source, again.trained_window) == (None, None, "full")
    assert again.prompt == drawn.prompt


def test_random_weights_need_no_file_and_then_speak_the_configured_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTRAIN_MODELS", str(tmp_path))
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    drawn = load(RANDOM.model_copy(update={"language": "Norwegian"}), seed=0)
    assert drawn.tokenizer.convert_ids_to_tokens(drawn.prompt)[1:3] == ["<|no|>", "<|transcribe|>"]
    assert drawn.model.generation_config.language == "no"
    assert drawn.model.generate(torch.zeros(1, 80, 3000), max_new_tokens=2).shape[0] == 1
