"""Tokenizers for weights that have none."""

from pathlib import Path

import pytest

from raytrain.whisper.tokenizer import byte_level_tokenizer, tokenizer_at_hand
from raytrain.whisper.variants import VARIANTS


def test_bytes_alone_spell_any_text_and_give_it_back() -> None:
    tokenizer = byte_level_tokenizer()
    text = " naïve 雨 🙂"
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(tokens) == len(text.encode())
    assert tokenizer.decode(tokens) == text
    assert max(tokens) < tokenizer.eos_token_id < tokenizer.convert_tokens_to_ids("<|startoftranscript|>")
    assert len(tokenizer) < VARIANTS["tiny"].vocab_size


def test_a_real_tokenizer_at_hand_is_taken_before_bytes(tiny_en: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTRAIN_MODELS", str(tiny_en.parent))
    assert len(tokenizer_at_hand(VARIANTS["small"])) > 50_000


def test_with_nothing_at_hand_it_is_made_of_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTRAIN_MODELS", str(tmp_path))
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert len(tokenizer_at_hand(VARIANTS["small"])) < 2000
