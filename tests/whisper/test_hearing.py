"""How a clip is heard: parts that fit, limits that cost no word, and an end to babbling that leaves speech alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytrain.whisper.hearing import SAMPLE_RATE, most_new_tokens, parts, without_babble

CORPORA = Path(__file__).parents[3] / "shared" / "corpus"
WORDS = st.lists(st.sampled_from(["a", "dog", "Ran", "away.", "no", "no,"]), max_size=60)


def kept(text: str, seconds: float, *, ended: bool = True, language: str = "en") -> str:
    return without_babble(text, seconds, ended=ended, language=language)


@pytest.mark.parametrize("corpus", ["child_like", "real_adult"])
def test_the_limits_cost_no_true_word(corpus: str, tiny_en: Path) -> None:
    from transformers import WhisperTokenizer

    tokenizer = WhisperTokenizer.from_pretrained(tiny_en)
    for line in (CORPORA / corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text, seconds = row["orthographic_text"], row["audio_duration_sec"]
        assert len(tokenizer(f" {text}", add_special_tokens=False)["input_ids"]) + 1 < most_new_tokens(seconds, "en")
        assert kept(text, seconds) == text


def test_a_loop_of_one_word_leaves_one() -> None:
    assert kept("Here " * 440, 0.5, ended=False) == "Here"
    assert kept("So I said, I said, I said, I said, I", 3.0, ended=False) == "So I said,"


def test_what_a_child_repeats_stays() -> None:
    for text in ("No no no no no no!", "Ha ha ha ha ha ha ha ha", "night night night"):
        assert kept(text, 2.0) == text


def test_a_text_that_ended_and_can_be_said_is_never_touched() -> None:
    assert kept("one two three four five", 0.5) == "one two three four five"
    assert kept("one two three four five six", 0.5) == "one two three four five"


def test_adults_in_a_hurry_lose_no_word() -> None:
    text = " ".join(["word", "after", "word"] * 22)
    assert kept(text, 10.0) == text


def test_other_languages_write_syllables_as_words() -> None:
    assert kept("một hai ba bốn năm sáu bảy", 0.5, language="vi") == "một hai ba bốn năm sáu bảy"
    assert most_new_tokens(2.0, "hi") == 56


@given(WORDS, st.floats(0.0, 30.0), st.booleans())
def test_what_is_kept_is_a_beginning_and_can_be_said(words: list[str], seconds: float, ended: bool) -> None:
    text = " ".join(words)
    found = kept(text, seconds, ended=ended)
    assert text.startswith(found)
    assert len(found.split()) <= max(4 * seconds + 3, 7 * seconds - 1)
    assert kept(found, seconds) == found


@given(st.integers(1, 3_000_000), st.floats(5.0, 30.0), st.integers(0, 9))
def test_parts_follow_each_other_and_fit(samples: int, window_s: float, seed: int) -> None:
    sound = np.random.default_rng(seed).normal(size=1000).astype(np.float32).repeat(3000)[:samples]
    found = parts(sound, window_s)
    assert found[0][0] == 0
    assert found[-1][1] == samples
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
    assert all(0 < end - start <= round(window_s * SAMPLE_RATE) for start, end in found)


@pytest.mark.parametrize("pause_s", [11.0, 15.3, 18.0])
def test_a_clip_is_cut_in_its_pause(pause_s: float) -> None:
    sound = np.random.default_rng(0).normal(size=32 * SAMPLE_RATE).astype(np.float32)
    pause = round(pause_s * SAMPLE_RATE)
    sound[pause : pause + SAMPLE_RATE // 2] *= 0.01
    (_, cut), _ = parts(sound, 30.0)
    assert pause <= cut <= pause + SAMPLE_RATE // 2


def test_the_cut_does_not_depend_on_how_loud_it_was_recorded() -> None:
    sound = np.random.default_rng(1).normal(size=65 * SAMPLE_RATE).astype(np.float32)
    assert parts(sound, 30.0) == parts(sound * 0.25, 30.0)
