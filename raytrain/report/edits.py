"""Where a transcript went wrong: reference and hypothesis in, their words aligned or marked out.

Where a language writes no spaces, a word here is a character with the marks that stand on it.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import jiwer

from raytrain.speech.scoring import normalise, writes_spaces

_INNER = "'’"
"""What may stand within an English word."""
_KINDS: dict[str, Literal["same", "left_out", "put_in", "taken_for"]] = {
    "equal": "same", "delete": "left_out", "insert": "put_in", "substitute": "taken_for",
}  # fmt: skip
_ONES = {"one": "1", "ones": "1s"}
"""What Whisper's English normaliser writes for a 1 on its own."""
_TOO_LONG = re.compile(r"\d{300}")
"""Nobody's number, and more than Python makes one of is refused."""
_DIGITS = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class AlignedWord:
    """A word that was heard right, or one that was left out, put in, or taken for another."""

    kind: Literal["same", "left_out", "put_in", "taken_for"]
    reference: str = ""
    hypothesis: str = ""


def aligned(reference: str, hypothesis: str, language: str = "en") -> list[AlignedWord]:
    """The fewest edits from reference to hypothesis, a word at a time; case and punctuation aside."""
    said, heard = _words(reference, language), _words(hypothesis, language)
    counted = jiwer.process_words(*(" ".join(_key(word, language) for word in words) for words in (said, heard)))
    return [
        AlignedWord(_KINDS[chunk.type], *pair)
        for chunk in counted.alignments[0]
        for pair in zip_longest(
            said[chunk.ref_start_idx : chunk.ref_end_idx], heard[chunk.hyp_start_idx : chunk.hyp_end_idx], fillvalue=""
        )
    ]


def marked(reference: str, hypothesis: str, language: str = "en", *, left_out: str, put_in: str) -> str:
    """The hypothesis with its edits marked; `left_out` and `put_in` are how, as in "[-{}-]" and "~~{}~~"."""
    words = []
    for word in aligned(reference, hypothesis, language):
        if word.kind == "same":
            words.append(word.hypothesis)
            continue
        words += [left_out.format(word.reference)] * bool(word.reference)
        words += [put_in.format(word.hypothesis)] * bool(word.hypothesis)
    return (" " if writes_spaces(language) else "").join(words)


def number_edits(reference: str, hypothesis: str, language: str = "en") -> int:
    """How many of the edits that are counted are one number written in two ways.

    In English, whose normaliser writes all numbers in digits, these are digits that say the same: 123 for 1 2 3, as
    "one two three" and "1 2 3" become. Elsewhere words stay words, and digits on one side alone are counted.
    """
    both = f"{reference} {hypothesis}"
    if not any(map(str.isdecimal, both)) or _TOO_LONG.search(both):
        return 0
    said, heard = (_tokens(text, language) for text in (reference, hypothesis))
    of_this_kind = _same_number if language == "en" else _digits_for_words
    return sum(of_this_kind(*pair) for pair in _runs(said, heard))


def _words(text: str, language: str) -> list[str]:
    """Runs of letters, digits and marks; in a language without spaces each letter with its marks."""
    kinds = [unicodedata.category(character)[0] for character in text]
    words: list[str] = []
    inside = False
    for place, (character, kind) in enumerate(zip(text, kinds, strict=True)):
        if kind in "LN":
            if inside and writes_spaces(language):
                words[-1] += character
            else:
                words.append(character)
            inside = True
        elif (kind == "M" and inside) or (
            inside and language == "en" and character in _INNER and "".join(kinds[place + 1 : place + 2]) in ("L", "N")
        ):
            words[-1] += character
        else:
            inside = False
    return words


def _key(word: str, language: str) -> str:
    """What two words are compared by."""
    return word.casefold() if language == "en" else normalise(word, language).replace(" ", "") or word


def _tokens(text: str, language: str) -> list[str]:
    normalised = normalise(text, language)
    return normalised.split() if writes_spaces(language) else [one for one in normalised if one != " "]


def _runs(said: Sequence[str], heard: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """The stretches between words that were heard right: what was said there, and what was heard."""
    ours: list[str] = []
    theirs: list[str] = []
    for chunk in jiwer.process_words(" ".join(said), " ".join(heard)).alignments[0]:
        if chunk.type == "equal":
            yield ours, theirs
            ours, theirs = [], []
        else:
            ours += said[chunk.ref_start_idx : chunk.ref_end_idx]
            theirs += heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
    yield ours, theirs


def _same_number(said: Sequence[str], heard: Sequence[str]) -> int:
    """Edits of a stretch of normalised English: those of its digits, where both sides' say the same."""
    ours, theirs = ([_ONES.get(token, token) for token in side] for side in (said, heard))
    ours, theirs = ([token for token in side if _DIGITS.fullmatch(token)] for side in (ours, theirs))
    return max(len(ours), len(theirs)) if ours and theirs and _readings(ours) & _readings(theirs) else 0


def _digits_for_words(said: Sequence[str], heard: Sequence[str]) -> int:
    """Edits of a stretch that has nothing but digits on one side, and on the other no more words than they can be."""
    for digits, words in ((said, heard), (heard, said)):
        written = "".join(digits)
        if written.isdecimal() and words and not any(_DIGITS.fullmatch(word) for word in words):
            return max(len(digits), len(words)) if len(words) <= 2 * len(written) else 0
    return 0


def _readings(digits: Sequence[str]) -> set[str]:
    """What digits in a row say: one after the other, as 1 2 3, or in parts that add, as 100 20 3."""
    readings, room = {"".join(digits)}, [len(part) - len(part.rstrip("0")) for part in digits]
    fit = (len(part) <= zeros for part, zeros in zip(digits[1:], room, strict=False))
    if max(map(len, digits)) < 20 and all(map(str.isdecimal, digits)) and all(fit):
        readings.add(str(sum(map(int, digits))))
    return readings
