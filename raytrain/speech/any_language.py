"""A text in any language but English in; its words in small letters, without punctuation and with all marks, out.

Whisper's BasicTextNormalizer with one fault mended: it makes a blank of every combining mark, so that Hindi loses its
vowel signs and each word falls apart. As there: what stands in brackets is left out; compatible forms are one (NFKC: a
full-width １ is a 1); case is lowered, never folded, so that ß stays ß; punctuation and symbols are blanks. So are
apostrophes, however they are typed: "l'école" is two words.
"""

import re
import unicodedata

_BRACKETED = re.compile(r"[<\[][^>\]]*[>\]]|\([^)]+?\)")
_APOSTROPHES = frozenset("\u02bc\u02bb\u02bd\u02b9")
"""Letters to Unicode, which people type as ' or ’ as often."""
_VARIATION_SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x180E))))
"""They choose a glyph; after an emoji that became a blank, one would be left behind as a word."""
_DOTLESS = {"tr": str.maketrans("Iİ", "ıi"), "az": str.maketrans("Iİ", "ıi")}
"""Capitals whose small letters are their own: the small İ would be an i with a second dot."""


def normalise_any(text: str, code: str) -> str:
    """The text as it is scored in the language of this code."""
    seen = "".join(character for character in _BRACKETED.sub("", text) if not _is_unseen(character))
    lowered = unicodedata.normalize("NFKC", seen).translate(_DOTLESS.get(code, {})).lower()
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", lowered):
        category = unicodedata.category(character)
        if category[0] in "PSZ" or category == "Cc" or character in _APOSTROPHES:
            kept.append(" ")
        elif category[0] != "M" or (kept and kept[-1] != " "):  # a mark is one of the letter that it stands on
            kept.append(character)
    return " ".join("".join(kept).split())


def _is_unseen(character: str) -> bool:
    """Joiners, soft hyphens and marks of direction: nobody hears them, and who types them is chance."""
    return unicodedata.category(character) == "Cf" or character in _VARIATION_SELECTORS
