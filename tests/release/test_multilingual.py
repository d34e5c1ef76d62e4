"""Multilingual weights: plain generate() on the exported folder emits what raytrain's own decoding does."""

import dataclasses
from pathlib import Path

import pytest
import torch
from transformers import GenerationConfig, WhisperForConditionalGeneration

from raytrain.config.baseline import Audio, Model, Prediction
from raytrain.release.model_folder import copy_model, set_prediction
from raytrain.release.transcriber import WindowedWhisper
from raytrain.whisper import weights
from raytrain.whisper.decoding import transcribe
from raytrain.whisper.hearing import without_babble
from raytrain.whisper.labels import is_multilingual
from raytrain.whisper.variants import VARIANTS

SMALL = {"width": 64, "encoder_layers": 2, "decoder_layers": 2, "heads": 2}


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> weights.Whisper:
    """Random, so that it babbles to the limit, and a token of the prompt that differs changes all that follows."""
    nothing = tmp_path_factory.mktemp("nothing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(VARIANTS, "tiny", dataclasses.replace(VARIANTS["tiny"], **SMALL))
        patch.setenv("RAYTRAIN_MODELS", str(nothing))
        patch.setenv("RAYTRAIN_CACHE", str(nothing))
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(nothing))
        model = Model(variant="tiny", pretrained=None, language="fr", task="transcribe", gradient_checkpointing=False)
        whisper = weights.load(model, seed=3)
    settings = whisper.model.generation_config
    settings.suppress_tokens = list(range(whisper.tokenizer.eos_token_id, whisper.model.config.vocab_size))
    return whisper


@pytest.mark.parametrize(("num_beams", "max_new_tokens"), [(1, 12), (3, 9)])
def test_prompt_beams_and_limit_are_in_the_exported_folder(
    num_beams: int, max_new_tokens: int, whisper: weights.Whisper, tmp_path: Path
) -> None:
    assert is_multilingual(whisper.tokenizer)
    weights.save(whisper, tmp_path / "checkpoint", window=Audio(), extra={})
    copy_model(tmp_path / "checkpoint", tmp_path / "model")
    set_prediction(tmp_path / "model", Prediction(num_beams=num_beams, max_new_tokens=max_new_tokens))
    plain = WhisperForConditionalGeneration.from_pretrained(tmp_path / "model", dtype=torch.float32).eval()
    whisper.model.eval()
    mel = torch.randn(2, 80, 3000, generator=torch.Generator().manual_seed(0))
    ours = transcribe(whisper, mel, num_beams=num_beams, max_new_tokens=max_new_tokens)
    end = whisper.tokenizer.eos_token_id
    assert [len(row.tokens) for row in ours] == [max_new_tokens] * 2
    assert not any(row.ended for row in ours)
    assert [[token for token in row if token < end] for row in plain.generate(mel).tolist()] == [
        row.tokens for row in ours
    ]
    model = WindowedWhisper(tmp_path / "model")
    clips = [model.part(0, Path("x"), start=0, end=30 * 16_000, sample_rate=16_000)] * 2
    assert clips[0].most_tokens == max_new_tokens
    texts = [whisper.tokenizer.decode(row.tokens).strip() for row in ours]
    assert model.texts(mel, clips) == [
        without_babble(text, 30.0, ended=False, language=whisper.text_language) for text in texts
    ]


def test_the_limit_is_never_beyond_the_decoders_positions(whisper: weights.Whisper, tmp_path: Path) -> None:
    weights.save(whisper, tmp_path / "model", window=Audio(), extra={})
    set_prediction(tmp_path / "model", Prediction(max_new_tokens=448))
    assert GenerationConfig.from_pretrained(tmp_path / "model").max_new_tokens == 448 - len(whisper.prompt)
