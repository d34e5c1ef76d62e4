"""Transcripts as tokens: text in, what the decoder must emit out.

The decoder's sequence is start of transcript, language and task (where the weights know any), no timestamps, the words,
end of text. Labels are all of it but the start, which the model puts in front by itself. So the one to three constant
tokens of the prompt are trained on and counted too, as in everybody's recipe: losses stay comparable, and a checkpoint
is left knowing its language, its task and that it writes no timestamps.
"""

import re
from typing import Any

from raytrain.config.baseline import Model
from raytrain.config.languages import language_code, unknown_language
from raytrain.errors import InputError
from raytrain.whisper.variants import VARIANTS

PROMPT_TOKENS = 4
"""Tokens of the longest prompt: start of transcript, language, task, no timestamps."""
_BEFORE_BAR = re.compile(r"(?<=<)(?=\|)")
_ENGLISH_ONLY_END_OF_TEXT = 50256
"""GPT-2's vocabulary ends one token before the multilingual one does, and Whisper's special tokens follow it."""


def encode(tokenizer: Any, text: str, model: Model) -> list[int]:
    """Labels of a transcript: the prompt without its start token, the words, the end of text.

    The leading space is Whisper's own form: a transcript's first word is written like any other. Text that looks like
    one of Whisper's own tokens, <|endoftext|>, stays text: no piece of it that is encoded at once holds a whole `<|`.
    """
    text = " ".join(text.split())
    pieces = _BEFORE_BAR.split(f" {text}") if text else []
    words = [token for piece in pieces for token in tokenizer(piece, add_special_tokens=False)["input_ids"]]
    return [*decoder_prompt(tokenizer, model)[1:], *words, tokenizer.eos_token_id]


def decoder_prompt(tokenizer: Any, model: Model) -> list[int]:
    """The tokens that every transcript starts from; with English-only weights they name no language and no task."""
    if is_multilingual(tokenizer):
        named = [_language(tokenizer, model), special_token(tokenizer, model.task)]
    else:
        _require_english(model)
        named = []
    return [special_token(tokenizer, "startoftranscript"), *named, special_token(tokenizer, "notimestamps")]


def is_multilingual(tokenizer: Any) -> bool:
    """Whether these weights know languages. English-only tokenizers list the language tokens all the same."""
    return bool(tokenizer.eos_token_id != _ENGLISH_ONLY_END_OF_TEXT)


def special_token(tokenizer: Any, name: str) -> int:
    """The id of <|name|>."""
    found = _id(tokenizer, name)
    if found is None:
        raise InputError(
            f"model.pretrained: its tokenizer has no <|{name}|>; name weights with Whisper's own tokenizer"
        )
    return found


def _language(tokenizer: Any, model: Model) -> int:
    if fault := unknown_language(model.language):
        raise InputError(f"model.language: {fault}")
    found = _id(tokenizer, language_code(model.language))
    if found is None:
        raise InputError(
            f"model.language: {model.pretrained} does not know '{model.language}'; "
            f"name weights that do, such as {VARIANTS['turbo'].hub_id} with model.variant=turbo, or another language"
        )
    return found


def _require_english(model: Model) -> None:
    if language_code(model.language) != "en":
        raise InputError(
            f"model.language: {model.pretrained} knows English only, not '{model.language}'; "
            f"use multilingual weights, such as {VARIANTS[model.variant].hub_id}, or model.language=en"
        )
    if model.task != "transcribe":
        raise InputError(
            f"model.task: {model.pretrained} is English-only and does not {model.task}; "
            f"use task transcribe, or multilingual weights such as {VARIANTS[model.variant].hub_id}"
        )


def _id(tokenizer: Any, name: str) -> int | None:
    token = f"<|{name}|>"
    found = tokenizer.convert_tokens_to_ids(token)
    # A token it does not know becomes the unknown token, which is the end of text.
    return found if found is not None and tokenizer.convert_ids_to_tokens(found) == token else None
