"""Decoding: the same tokens as transformers' own at the full window, and the right words of real people."""

import pytest
import torch

from raytrain.config.baseline import Model
from raytrain.whisper.decoding import transcribe
from raytrain.whisper.weights import Whisper, load


@pytest.fixture(scope="module")
def heard(tiny: Whisper, adult_mel: torch.Tensor) -> list[list[int]]:
    """Both recordings at the full window, greedily."""
    return tokens(tiny, adult_mel, max_new_tokens=12)


def tokens(whisper: Whisper, mel: torch.Tensor, **options: int) -> list[list[int]]:
    return [row.tokens for row in transcribe(whisper, mel, **options)]


def _words_of_transformers(whisper: Whisper, mel: torch.Tensor, **settings: int) -> list[list[int]]:
    emitted = whisper.model.generate(mel, **settings).tolist()
    return [[token for token in row if token < whisper.tokenizer.eos_token_id] for row in emitted]


def test_at_the_full_window_tokens_equal_those_of_transformers(
    tiny: Whisper, adult_mel: torch.Tensor, heard: list[list[int]]
) -> None:
    assert heard == _words_of_transformers(tiny, adult_mel, max_new_tokens=12)


def test_beams_are_those_of_transformers_too(tiny: Whisper, adult_mel: torch.Tensor) -> None:
    ours = tokens(tiny, adult_mel[1:], num_beams=2, max_new_tokens=6)
    assert ours == _words_of_transformers(tiny, adult_mel[1:], num_beams=2, max_new_tokens=6)


def test_published_weights_hear_the_words(tiny: Whisper, heard: list[list[int]]) -> None:
    cards, novel = (tiny.tokenizer.decode(row) for row in heard)
    assert "spades" in cards
    assert novel.startswith(" He was not an")


def test_a_clip_is_transcribed_alike_alone_and_in_a_batch(
    tiny: Whisper, adult_mel: torch.Tensor, heard: list[list[int]]
) -> None:
    assert tokens(tiny, adult_mel[1:], max_new_tokens=12) == heard[1:]


def test_penalties_and_limits_that_came_with_the_weights_change_nothing(
    tiny: Whisper, adult_mel: torch.Tensor, heard: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    published = {"max_new_tokens": 3, "repetition_penalty": 9.0, "no_repeat_ngram_size": 1, "min_length": 40}
    [monkeypatch.setattr(tiny.model.generation_config, name, value) for name, value in published.items()]
    assert tokens(tiny, adult_mel, max_new_tokens=12) == heard
    assert tiny.model.generation_config.max_new_tokens == 3


def test_a_fitted_window_is_obeyed_and_closed_again(tiny: Whisper, adult_mel: torch.Tensor) -> None:
    mel = adult_mel[1:, :, :360]
    seen: list[int] = []
    hook = tiny.model.get_encoder().conv1.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[-1]))
    rows = tokens(tiny, mel, max_new_tokens=5)
    hook.remove()
    assert seen == [360]  # once, and not padded
    assert len(rows[0]) <= 5
    assert tiny.model.config.max_source_positions == 1500


def test_suppressed_tokens_are_never_emitted(tiny_model: Model, adult_mel: torch.Tensor) -> None:
    whisper = load(tiny_model, seed=0)
    whisper.model.eval()
    mel = adult_mel[1:, :, :400]
    (plain,) = tokens(whisper, mel, max_new_tokens=3)
    whisper.model.generation_config.suppress_tokens = [plain[1]]
    whisper.model.generation_config.begin_suppress_tokens = [plain[0]]
    (kept,) = tokens(whisper, mel, max_new_tokens=3)
    assert kept[0] != plain[0]
    assert plain[1] not in kept


def test_no_transcript_is_longer_than_the_decoder_has_positions() -> None:
    whisper = load(Model(variant="tiny", pretrained=None), seed=0)
    whisper.model.eval()
    whisper.model.generation_config.suppress_tokens = [whisper.tokenizer.eos_token_id]
    whisper.model.config.max_target_positions = 12  # 448 would take its time
    (row,) = tokens(whisper, torch.zeros(1, 80, 20), max_new_tokens=1000)
    assert len(row) <= 12 - len(whisper.prompt)
