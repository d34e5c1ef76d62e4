"""Errors as this field counts them: texts and their language in, edit counts that add out. Works offline.

English is levelled by Whisper's English normaliser, other languages by `normalise_any`. Words are counted where the
language writes spaces between them; characters everywhere.
"""

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import jiwer

from raytrain.config.languages import language_code, writes_spaces
from raytrain.results.transcripts import Scored
from raytrain.results.word_errors import WordErrors
from raytrain.speech.any_language import normalise_any

if TYPE_CHECKING:
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    from raytrain.speech.corpus import Corpus

__all__ = ["character_errors", "normalise", "score", "scored_row", "word_errors", "writes_spaces"]

# Whisper's own map of British to American spellings (MIT, see english_spelling.LICENSE).
_SPELLING = Path(__file__).with_name("english_spelling.json")


def word_errors(reference: str, hypothesis: str, language: str = "en") -> WordErrors:
    """One utterance's edit counts in words, both texts normalised first. The sum of many has the corpus WER.

    A reference with no words left ("um") has no hits to win: every word of the hypothesis is an insertion. Where a
    language writes no spaces a sentence is one word, and the count says little: see `writes_spaces`.
    """
    counted = jiwer.process_words(normalise(reference, language), normalise(hypothesis, language))
    return WordErrors(counted.substitutions, counted.deletions, counted.insertions, counted.hits)


def character_errors(reference: str, hypothesis: str, language: str = "en") -> WordErrors:
    """One utterance's edit counts in characters of the normalised texts; their sum's rate is the CER.

    A character is a Unicode code point. The blank between two words counts as one, as in jiwer's CER, where the
    language writes it; where it writes none, blanks are left out, since a comma leaves one behind.
    """
    counted = jiwer.process_characters(_counted(reference, language), _counted(hypothesis, language))
    return WordErrors(counted.substitutions, counted.deletions, counted.insertions, counted.hits)


def score(reference: str, hypothesis: str, language: str = "en") -> tuple[WordErrors, WordErrors]:
    """The counts that an utterance is judged by, and those of characters: the same where no spaces are written."""
    characters = character_errors(reference, hypothesis, language)
    return (word_errors(reference, hypothesis, language) if writes_spaces(language) else characters), characters


def scored_row(
    corpus: "Corpus", index: int, hypothesis: str, language: str = "en"
) -> tuple[Scored, WordErrors, WordErrors]:
    """What utterances.jsonl says of an utterance in which this was heard, and the two counts of `score`."""
    reference = corpus.texts[index]
    errors, in_characters = score(reference, hypothesis, language)
    row: Scored = {
        "utterance_id": corpus.utterance_ids[index],
        "child_id": corpus.child_ids[index],
        "age_bucket": corpus.age_buckets[index],
        "duration_s": round(float(corpus.durations_s[index]), 3),
        "reference": reference,
        "hypothesis": hypothesis,
        "substitutions": errors.substitutions,
        "deletions": errors.deletions,
        "insertions": errors.insertions,
        "hits": errors.hits,
        "character_edits": in_characters.edits,
        "characters": in_characters.reference_words,
    }
    return row, errors, in_characters


@lru_cache(maxsize=2**16)  # a study scores the same references again and again
def normalise(text: str, language: str = "en") -> str:
    """A text as it is scored. English: case, punctuation, spelling, numbers and hesitations levelled, accents and all
    after Whisper's English normaliser. Others: case and punctuation alone."""
    code = language_code(language)
    return _english()(text).strip() if code == "en" else normalise_any(text, code)


def _counted(text: str, language: str) -> str:
    normalised = normalise(text, language)
    return normalised if writes_spaces(language) else normalised.replace(" ", "")


@cache
def _english() -> "EnglishTextNormalizer":
    # Imported here: whoever reads a manifest or a score need not wait for transformers.
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    return EnglishTextNormalizer(json.loads(_SPELLING.read_text(encoding="utf-8")))
