"""Scores in other languages than English: what counts as an error, and a scorer of another make that must agree."""

import json
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.whisper.english_normalizer import BasicTextNormalizer

from raytrain.config.languages import LANGUAGES, writes_spaces
from raytrain.results.word_errors import WordErrors
from raytrain.speech.scoring import character_errors, normalise, score, word_errors
from raytrain.whisper.tokenizer import load_tokenizer

TEXTS = Path(__file__).parent.parent / "data" / "texts"
Counted = tuple[int, int]
"""Edits, and what the reference has."""


def edits_and_words(errors: WordErrors) -> Counted:
    return errors.edits, errors.reference_words


@pytest.mark.parametrize(
    ("language", "reference", "hypothesis", "counted"),
    [
        ("de", "Das ist schön.", "Das ist schon.", (1, 3)),
        ("German", "Er geht um acht Uhr.", "Er geht acht Uhr.", (1, 5)),
        ("de", "Das ist SCHÖN!", "das ist scho\u0308n", (0, 3)),
        ("fr", "Ça va très bien", "Ca va tres bien", (2, 4)),
        ("fr", "L’école", "l'ecole", (1, 2)),
        ("hi", "मैं घर जा रहा हूँ।", "मैं घर जा रही हूँ", (1, 5)),
        ("ar", "كِتَاب", "كتاب", (1, 1)),
        ("tr", "ISPARTA, İzmir", "ısparta izmir", (0, 2)),
        ("es", "I", "ı", (1, 1)),
        ("uk", "п'ять", "пʼять", (0, 2)),
        ("de", "ja ❤️ ja", "ja ja", (0, 2)),
        ("fa", "می\u200cخواهم", "میخواهم", (0, 1)),
    ],
)
def test_marks_and_accents_are_of_the_word_and_case_and_punctuation_are_not(
    language: str, reference: str, hypothesis: str, counted: Counted
) -> None:
    assert edits_and_words(word_errors(reference, hypothesis, language)) == counted


@pytest.mark.parametrize(
    ("language", "reference", "hypothesis", "counted"),
    [
        ("zh", "她喜欢吃苹果", "她喜欢吃苹果吗", (1, 6)),
        ("zh", "她喜欢，吃 苹果。", "她喜欢吃苹果", (0, 6)),
        ("yue", "佢有３隻貓", "佢有3隻貓", (0, 5)),
        ("th", "ฉันชอบกินข้าว", "ฉันชอบกินขาว", (1, 13)),
        ("ja", "がっこう", "か\u3099っこう", (0, 4)),
        ("de", "das Ei", "dasEi", (1, 6)),
        ("en", "the colour", "The color!", (0, 9)),
    ],
)
def test_characters_are_counted_with_blanks_only_where_the_language_writes_them(
    language: str, reference: str, hypothesis: str, counted: Counted
) -> None:
    assert edits_and_words(character_errors(reference, hypothesis, language)) == counted


def test_a_language_without_spaces_is_judged_by_its_characters() -> None:
    without = {code for code in LANGUAGES if not writes_spaces(code)}
    assert without == {"zh", "yue", "ja", "th", "lo", "my", "km", "bo"}
    assert [score("她喜欢", "她喜", code)[0].edits for code in ("zh", "ja")] == [1, 1]
    assert edits_and_words(score("das Ei ist rot", "das Ei rot", "de")[0]) == (1, 4)


@pytest.mark.parametrize(
    "text", ["Wie geht's? [lacht] 1,5 km!", "Привет -- мир", "ÉTÉ (bruit) à l'école", "１２３ €", "ﬁn"]
)
def test_whispers_own_normaliser_says_the_same_where_no_mark_stands_alone(text: str) -> None:
    assert normalise(text, "fr") == BasicTextNormalizer()(text).strip()


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_a_special_token_typed_in_a_transcript_is_no_word_to_get_right(language: str) -> None:
    typed = ("the <|endoftext|> dog", "<|0.00|> the dog<|2.00|>", "<|startoftranscript|><|en|>the dog")
    assert [score(text, "the dog", language)[0].edits for text in typed] == [0, 0, 0]


def test_whispers_own_normaliser_would_take_hindi_apart() -> None:
    assert BasicTextNormalizer()("हिन्दी").split() == ["ह", "न", "द"]
    assert normalise("हिन्दी", "hi") == "हिन्दी"


@given(text=st.text(max_size=30), language=st.sampled_from(["de", "tr", "hi", "th"]))
def test_a_levelled_text_is_level(text: str, language: str) -> None:
    level = normalise(text, language)
    assert normalise(level, language) == level
    assert not {unicodedata.category(letter)[0] for letter in level} & set("PS")


@given(text=st.text(st.characters(categories=["L", "M", "Nd"]), min_size=1, max_size=20))
def test_no_letter_and_no_digit_is_lost(text: str) -> None:
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).lower())
    letters = [letter for letter in lowered if letter.isalnum() and letter not in "ʼʻʽʹ"]  # typed as apostrophes, too
    assert [letter for letter in normalise(text, "hi") if letter.isalnum()] == letters


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Levenshtein's, row by row."""
    row = list(range(len(other) + 1))
    for number, left in enumerate(one, 1):
        before, row[0] = row[0], number
        for place, right in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (left != right))
    return row[-1]


def rate(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> float:
    return sum(distance(*pair) for pair in pairs) / sum(len(reference) for reference, _ in pairs)


def level(text: str) -> str:
    """Another make of it: what is no letter, mark or number goes, and so does what stands in brackets."""
    out, depth = "", 0
    for letter in text:
        depth += letter in "[("
        out += letter if depth == 0 else ""
        depth -= letter in "])"
    kept = (
        letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in unicodedata.normalize("NFKC", out)
    )
    return " ".join("".join(kept).lower().split())


def pairs_of(name: str) -> list[tuple[str, str]]:
    rows = map(json.loads, (TEXTS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    return [(row["reference"], row["hypothesis"]) for row in rows]


def rates(
    pairs: list[tuple[str, str]], language: str, levelled: Callable[[str], str]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """WER and CER, as we score and as the other scorer does."""
    ours = tuple(
        WordErrors.total(count(*pair, language) for pair in pairs).wer for count in (word_errors, character_errors)
    )
    level = [(levelled(reference), levelled(hypothesis)) for reference, hypothesis in pairs]
    words = rate([(reference.split(), hypothesis.split()) for reference, hypothesis in level])
    between = " " if writes_spaces(language) else ""
    characters = rate([(between.join(one.split()), between.join(other.split())) for one, other in level])
    return (ours[0], ours[1]), (words, characters)


@pytest.mark.parametrize(("name", "language"), [("german", "de"), ("hindi", "hi"), ("chinese", "zh")])
def test_an_independent_scorer_agrees_on_texts_of_other_languages(name: str, language: str) -> None:
    ours, theirs = rates(pairs_of(name), language, level)
    assert ours == pytest.approx(theirs, abs=1e-9)
    assert 0.05 < theirs[1] < 0.3


@pytest.mark.parametrize(("name", "wer"), [("child_like", 1546 / 3438), ("real_adult", 7 / 91)])
def test_an_independent_scorer_agrees_on_english_as_decoded(name: str, wer: float, tiny_en: Path) -> None:
    ours, theirs = rates(pairs_of(name), "en", load_tokenizer(tiny_en).normalize)
    assert ours == pytest.approx(theirs, abs=1e-9)
    assert ours[0] == pytest.approx(wer, abs=1e-9)
