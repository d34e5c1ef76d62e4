"""Edits as a report shows them: words by the language, and how many are one number written in two ways."""

import json
from pathlib import Path

import pytest

from raytrain.report.edits import aligned, marked, number_edits
from raytrain.speech.scoring import word_errors

TEXTS = Path(__file__).parent.parent / "data" / "texts"


@pytest.mark.parametrize(
    ("reference", "hypothesis", "edits"),
    [
        ("one two three", "1 2 3", 3),
        ("One, two, three.", "123", 0),
        ("I see one two three dogs", "I see 1, 2, 3 cats.", 3),
        ("ten eleven", "10, 11.", 2),
        ("seven two one", "7 2 1", 3),
        ("one hundred twenty", "100 20", 2),
        ("two three", "2 4", 0),
        ("three dogs", "4 dogs", 0),
        ("three dogs", "3 dogs", 0),
        ("the dog", "a cat", 0),
        ("one two", "two", 0),
        ("x", "9" * 5000, 0),
        ("one " * 5000, "1 1", 0),
    ],
)
def test_english_numbers_in_words_against_digits_are_counted_where_they_say_the_same(
    reference: str, hypothesis: str, edits: int
) -> None:
    assert number_edits(reference, hypothesis) == edits


@pytest.mark.parametrize(
    ("language", "reference", "hypothesis", "edits"),
    [
        ("de", "wir haben drei Hunde", "wir haben 3 Hunde", 1),
        ("de", "hundert zwanzig", "120", 2),
        ("de", "ich gehe heute nach Hause", "3", 0),
        ("zh", "我有三只", "我有3只", 1),
        ("de", "drei", "vier", 0),
    ],
)
def test_in_other_languages_digits_on_one_side_alone_are_counted(
    language: str, reference: str, hypothesis: str, edits: int
) -> None:
    assert number_edits(reference, hypothesis, language) == edits


def test_of_a_published_whispers_errors_on_six_hundred_clips_forty_four_are_numbers() -> None:
    rows = [json.loads(line) for line in (TEXTS / "child_like.jsonl").read_text().splitlines()]
    counted = [(number_edits(**row), word_errors(**row).edits) for row in rows]
    assert all(numbers <= edits for numbers, edits in counted)
    assert [sum(column) for column in zip(*counted, strict=True)] == [44, 1546]


def test_hindi_words_stay_whole() -> None:
    shown = [(word.kind, word.reference) for word in aligned("मैं घर जा रहा हूँ।", "मैं घर जा रही हूँ", "hi")]
    assert shown == [("same", "मैं"), ("same", "घर"), ("same", "जा"), ("taken_for", "रहा"), ("same", "हूँ")]


@pytest.mark.parametrize(
    ("language", "reference", "hypothesis", "shown"),
    [
        ("zh", "她喜欢，吃苹果。", "她喜吃苹果吗", "她喜[欢]吃苹果{吗}"),
        ("th", "กินข้าว", "กินขาว", "กิน[ข้]{ข}าว"),
        ("de", "Das ist schön.", "das ist schon", "das ist [schön] {schon}"),
        ("en", "I can't go, Café!", "i can't, go café", "i can't go café"),
    ],
)
def test_edits_are_marked_by_words_or_where_no_spaces_are_written_by_characters(
    language: str, reference: str, hypothesis: str, shown: str
) -> None:
    assert marked(reference, hypothesis, language, left_out="[{}]", put_in="{{{}}}") == shown
