"""The languages that Whisper knows: a code or a name in; its code, and what it is scored by, out. Plain Python."""

from difflib import get_close_matches
from typing import Literal

Rate = Literal["WER", "CER"]
"""Errors by words, or by characters."""

# openai/whisper, whisper/tokenizer.py, in the order of its tokens.
LANGUAGES = {
    "en": "english", "zh": "chinese", "de": "german", "es": "spanish", "ru": "russian", "ko": "korean",
    "fr": "french", "ja": "japanese", "pt": "portuguese", "tr": "turkish", "pl": "polish", "ca": "catalan",
    "nl": "dutch", "ar": "arabic", "sv": "swedish", "it": "italian", "id": "indonesian", "hi": "hindi",
    "fi": "finnish", "vi": "vietnamese", "he": "hebrew", "uk": "ukrainian", "el": "greek", "ms": "malay",
    "cs": "czech", "ro": "romanian", "da": "danish", "hu": "hungarian", "ta": "tamil", "no": "norwegian",
    "th": "thai", "ur": "urdu", "hr": "croatian", "bg": "bulgarian", "lt": "lithuanian", "la": "latin",
    "mi": "maori", "ml": "malayalam", "cy": "welsh", "sk": "slovak", "te": "telugu", "fa": "persian",
    "lv": "latvian", "bn": "bengali", "sr": "serbian", "az": "azerbaijani", "sl": "slovenian", "kn": "kannada",
    "et": "estonian", "mk": "macedonian", "br": "breton", "eu": "basque", "is": "icelandic", "hy": "armenian",
    "ne": "nepali", "mn": "mongolian", "bs": "bosnian", "kk": "kazakh", "sq": "albanian", "sw": "swahili",
    "gl": "galician", "mr": "marathi", "pa": "punjabi", "si": "sinhala", "km": "khmer", "sn": "shona",
    "yo": "yoruba", "so": "somali", "af": "afrikaans", "oc": "occitan", "ka": "georgian", "be": "belarusian",
    "tg": "tajik", "sd": "sindhi", "gu": "gujarati", "am": "amharic", "yi": "yiddish", "lo": "lao",
    "uz": "uzbek", "fo": "faroese", "ht": "haitian creole", "ps": "pashto", "tk": "turkmen", "nn": "nynorsk",
    "mt": "maltese", "sa": "sanskrit", "lb": "luxembourgish", "my": "myanmar", "bo": "tibetan", "tl": "tagalog",
    "mg": "malagasy", "as": "assamese", "tt": "tatar", "haw": "hawaiian", "ln": "lingala", "ha": "hausa",
    "ba": "bashkir", "jw": "javanese", "su": "sundanese", "yue": "cantonese",
}  # fmt: skip
"""Codes, and Whisper's names of them."""
_OTHER_NAMES = {
    "burmese": "my", "valencian": "ca", "flemish": "nl", "haitian": "ht", "letzeburgesch": "lb", "pushto": "ps",
    "panjabi": "pa", "moldavian": "ro", "moldovan": "ro", "sinhalese": "si", "castilian": "es", "mandarin": "zh",
}  # fmt: skip
_CODES = {name: code for code, name in LANGUAGES.items()} | _OTHER_NAMES
_LATER = frozenset({"yue"})
_KNOW_LATER = ("large-v3", "turbo")

_WITHOUT_SPACES = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})
"""Whisper's own tokenizer takes the words of the first six apart at any character, for want of spaces. Khmer has none
either, and Tibetan parts syllables, not words."""


def language_code(language: str) -> str:
    """'en' for 'en', 'English' and 'english'; what names no language of Whisper's comes back in small letters."""
    lowered = language.strip().lower()
    return _CODES.get(lowered, lowered)


def language_name(language: str) -> str:
    """'German' for 'de'; what names no language of Whisper's comes back in small letters."""
    code = language_code(language)
    return LANGUAGES[code].title() if code in LANGUAGES else code


def writes_spaces(language: str) -> bool:
    """Whether the language writes spaces between its words, so that words can be counted."""
    return language_code(language) not in _WITHOUT_SPACES


def rate_of(language: str) -> Rate:
    """By which rate texts of a language are judged: by words, or where it writes no spaces by characters."""
    return "WER" if writes_spaces(language) else "CER"


def normaliser_of(language: str) -> str:
    """What levels texts of a language before they are counted, in words for a report."""
    if language_code(language) == "en":
        return "Whisper's English normaliser"
    return "case and punctuation levelled, marks and accents kept"


def unknown_language(language: str) -> str | None:
    """What is wrong with a language that Whisper has no token for, and the way out; None where it has one."""
    if language_code(language) in LANGUAGES:
        return None
    near = get_close_matches(language.strip().lower(), [*LANGUAGES, *_CODES], n=1, cutoff=0.75)
    way_out = f"did you mean '{near[0]}'?" if near else "use a code such as 'en', or a name such as 'english'"
    return f"'{language}' is not a language of Whisper's; {way_out}"


def is_english_only(pretrained: str | None) -> bool:
    """Whether weights say by their name, as `openai/whisper-tiny.en` does, that they know English alone."""
    return pretrained is not None and pretrained.rstrip("/").endswith(".en")


def unspoken(
    language: str, *, variant: str | None = None, pretrained: str | None = None, **other: object
) -> str | None:
    """What is wrong with a language that weights of this variant and name cannot speak, and the way out; None where
    nothing is known against it. What their tokenizer has against it shows when they are read."""
    code = language_code(language)
    if is_english_only(pretrained) and code != "en":
        many = str(pretrained).rstrip("/").removesuffix(".en")
        return (
            f"{pretrained} knows English only, not '{language}'; name multilingual weights, as {many}, or language en"
        )
    if code in _LATER and variant is not None and variant not in _KNOW_LATER:
        weights = pretrained or f"Whisper {variant}"
        return f"{weights} does not know '{language}'; take variant large-v3 or turbo with its weights, which do"
    return None
