"""Word errors as this field counts them: texts in, edit counts that add out. Works offline."""

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import jiwer

from raytrain.results.word_errors import WordErrors

if TYPE_CHECKING:
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

# Whisper's own map of British to American spellings (MIT, see english_spelling.LICENSE).
_SPELLING = Path(__file__).with_name("english_spelling.json")


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    """One utterance's edit counts, both texts normalised first. The sum of many has the corpus WER.

    A reference with no words left ("um") has no hits to win: every word of the hypothesis is an insertion.
    """
    counted = jiwer.process_words(normalise(reference), normalise(hypothesis))
    return WordErrors(counted.substitutions, counted.deletions, counted.insertions, counted.hits)


@lru_cache(maxsize=2**16)  # a study scores the same references again and again
def normalise(text: str) -> str:
    """A text after Whisper's English normaliser: case, punctuation, spelling, numbers and hesitations levelled."""
    return _normaliser()(text).strip()


@cache
def _normaliser() -> "EnglishTextNormalizer":
    # Imported here: whoever reads a manifest or a score need not wait for transformers.
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    return EnglishTextNormalizer(json.loads(_SPELLING.read_text(encoding="utf-8")))
