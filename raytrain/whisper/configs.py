"""A Whisper in transformers' terms: a variant and a tokenizer in, its model and generation configurations out."""

from collections.abc import Mapping, Sequence
from typing import Any

from raytrain.config.languages import LANGUAGES
from raytrain.whisper.labels import is_multilingual, special_token
from raytrain.whisper.variants import MAX_SOURCE_POSITIONS, MAX_TARGET_POSITIONS, Variant

SHAPE = {
    "d_model": "width",
    "encoder_layers": "encoder_layers",
    "decoder_layers": "decoder_layers",
    "encoder_attention_heads": "heads",
    "num_mel_bins": "num_mel_bins",
}
"""The fields of transformers' WhisperConfig that tell variants apart, and Variant's names of them."""
_OF_THE_VOCABULARY = (
    "is_multilingual", "decoder_start_token_id", "no_timestamps_token_id", "prev_sot_token_id", "task_to_id",
)  # fmt: skip
"""What a generation configuration says of the tokenizer's own tokens."""
LISTS = ("suppress_tokens", "begin_suppress_tokens")
"""Tokens that weights must not emit. In 2022 these stood in config.json."""


def model_config(variant: Variant, tokenizer: Any, **settings: Any) -> Any:
    """transformers' WhisperConfig of the variant's shape and the tokenizer's special tokens; `settings` are a run's."""
    from transformers import WhisperConfig

    end_of_text = tokenizer.eos_token_id
    return WhisperConfig(
        **shape_settings(variant),
        max_source_positions=MAX_SOURCE_POSITIONS,
        max_target_positions=MAX_TARGET_POSITIONS,
        pad_token_id=end_of_text,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
        decoder_start_token_id=special_token(tokenizer, "startoftranscript"),
        architectures=["WhisperForConditionalGeneration"],
        **settings,
    )


def shape_settings(variant: Variant) -> dict[str, int]:
    """The variant's shape in the field names of transformers' WhisperConfig."""
    return {
        **{key: getattr(variant, field) for key, field in SHAPE.items()},
        "vocab_size": variant.vocab_size,
        "decoder_attention_heads": variant.heads,
        "encoder_ffn_dim": 4 * variant.width,
        "decoder_ffn_dim": 4 * variant.width,
    }


def generation_config(tokenizer: Any, **lists: Sequence[Any]) -> Any:
    """transformers' GenerationConfig, which generate() goes by.

    The lists come with published weights: suppress_tokens, begin_suppress_tokens and alignment_heads. Nothing is
    suppressed where there are none.
    """
    from transformers import GenerationConfig

    of_languages: dict[str, Any] = {}
    if is_multilingual(tokenizer):
        ids = {f"<|{code}|>": tokenizer.convert_tokens_to_ids(f"<|{code}|>") for code in LANGUAGES}
        of_languages = {
            "lang_to_id": {token: found for token, found in ids.items() if found != tokenizer.unk_token_id},
            "task_to_id": {task: special_token(tokenizer, task) for task in ("transcribe", "translate")},
        }
    return GenerationConfig(
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=special_token(tokenizer, "startoftranscript"),
        no_timestamps_token_id=special_token(tokenizer, "notimestamps"),
        prev_sot_token_id=special_token(tokenizer, "startofprev"),
        is_multilingual=is_multilingual(tokenizer),
        return_timestamps=False,
        max_initial_timestamp_index=50,
        max_length=MAX_TARGET_POSITIONS,
        **of_languages,
        **lists,
    )


def lacking(published: Mapping[str, Any], tokenizer: Any) -> dict[str, Any]:
    """What a generation configuration lacks of what generate() goes by, or has of another vocabulary, as it should be.

    Those of 2022 and 2023 lack most, and fine-tuned weights come with those of other weights: large-v3 with the numbers
    of large-v2, which knows a language less. What the tokenizer says of its own tokens is right.
    """
    needed = generation_config(tokenizer).to_diff_dict()
    found = {key: value for key, value in needed.items() if published.get(key) is None}
    for key in _OF_THE_VOCABULARY:
        if key in needed and published.get(key) not in (None, needed[key]):
            found[key] = needed[key]
    if (languages := published.get("lang_to_id")) and "lang_to_id" in needed:
        own = {token: number for token, number in languages.items() if tokenizer.convert_tokens_to_ids(token) == number}
        if (completed := own | needed["lang_to_id"]) != languages:
            found["lang_to_id"] = completed
    suppressed = published.get("suppress_tokens") or []
    if tokenizer.eos_token_id in suppressed:  # the start of transcript by its own vocabulary; here no text would end
        found["suppress_tokens"] = [token for token in suppressed if token != tokenizer.eos_token_id]
    return found
