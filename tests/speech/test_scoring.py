"""Word errors: golden normalisations, the empty-reference rule, and an independent scorer that must agree."""

import json
import subprocess
import sys

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from raytrain.results.word_errors import WordErrors
from raytrain.speech import scoring
from raytrain.speech.scoring import normalise, word_errors


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("um", ""),
        ("three four", "34"),
        ("The colour, please!", "the color please"),
        ("I can't; she won't.", "i can not she will not"),
        ("Mr. Brown has twenty-one apples", "mister brown has 21 apples"),
        ("[laughs] (softly) hello", "hello"),
        ("café", "cafe"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_texts_are_levelled_as_the_field_does(text: str, normalised: str) -> None:
    assert normalise(text) == normalised


def test_an_empty_reference_scores_its_inserted_words() -> None:
    assert [word_errors("um", said).wer for said in ("", "uh", "hello", "hello there")] == [0, 0, 1, 2]


def test_in_a_corpus_an_empty_reference_adds_insertions_and_no_reference_words() -> None:
    errors = word_errors("um", "hello there") + word_errors("a dog runs", "a dog runs")
    assert errors == WordErrors(insertions=2, hits=3)
    assert errors.wer == 2 / 3


def test_each_kind_of_edit_is_counted() -> None:
    assert word_errors("the dog ran home", "a dog ran") == WordErrors(substitutions=1, deletions=1, hits=2)
    assert word_errors("the dog", "the big dog") == WordErrors(insertions=1, hits=2)


VOCABULARY = ["the", "dog", "colour", "um", "three", "four", "3", "won't", "ran", "mister", "."]
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=8).map(" ".join)


@given(pairs=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=12))
def test_an_independent_scorer_finds_the_same_rate(pairs: list[tuple[str, str]]) -> None:
    levelled = EnglishTextNormalizer(json.loads(scoring._SPELLING.read_text()))
    references, hypotheses = ([levelled(text).strip() for text in side] for side in zip(*pairs, strict=True))
    assert WordErrors.total(word_errors(*pair) for pair in pairs).wer == pytest.approx(
        jiwer.wer(references, hypotheses), abs=1e-9
    )


@given(text=st.text(max_size=30))
def test_a_text_against_itself_has_no_edits(text: str) -> None:
    assert word_errors(text, text).edits == 0


def test_the_spelling_map_is_whispers_whole() -> None:
    spelling = json.loads(scoring._SPELLING.read_text())
    assert (len(spelling), spelling["colour"]) == (1739, "color")


def test_scoring_asks_no_network() -> None:
    code = (
        "import socket\n"
        "def refuse(*args): raise SystemExit('a connection was tried')\n"
        "socket.socket.connect = refuse\n"
        "from raytrain.speech.scoring import word_errors\n"
        "print(word_errors('the colour', 'the color').wer)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "0.0\n"
