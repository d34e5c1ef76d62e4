"""What transformers is told of a Whisper: a variant and a tokenizer in, its model and generation configurations out."""

from collections.abc import Sequence
from typing import Any

from raytrain.whisper.labels import is_multilingual, special_token
from raytrain.whisper.variants import MAX_SOURCE_POSITIONS, MAX_TARGET_POSITIONS, Variant


def model_config(variant: Variant, tokenizer: Any, **settings: Any) -> Any:
    """The shape is the variant's; the special tokens are the tokenizer's; `settings` are a run's own."""
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
    """The variant's shape in the words of transformers' WhisperConfig."""
    return {
        "vocab_size": variant.vocab_size,
        "num_mel_bins": variant.num_mel_bins,
        "d_model": variant.width,
        "encoder_layers": variant.encoder_layers,
        "decoder_layers": variant.decoder_layers,
        "encoder_attention_heads": variant.heads,
        "decoder_attention_heads": variant.heads,
        "encoder_ffn_dim": 4 * variant.width,
        "decoder_ffn_dim": 4 * variant.width,
    }


def generation_config(
    tokenizer: Any,
    *,
    suppress_tokens: Sequence[int] | None = None,
    begin_suppress_tokens: Sequence[int] | None = None,
    alignment_heads: Sequence[Sequence[int]] | None = None,
) -> Any:
    """What generate() goes by. The lists come with the weights; nothing is suppressed where there are none."""
    from transformers import GenerationConfig
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    multilingual = is_multilingual(tokenizer)
    languages = {
        f"<|{code}|>": found
        for code in LANGUAGES
        if (found := tokenizer.convert_tokens_to_ids(f"<|{code}|>")) != tokenizer.unk_token_id
    }
    tasks = {task: special_token(tokenizer, task) for task in ("transcribe", "translate")}
    optional = {
        "suppress_tokens": suppress_tokens,
        "begin_suppress_tokens": begin_suppress_tokens,
        "alignment_heads": alignment_heads,
        "lang_to_id": languages if multilingual else None,
        "task_to_id": tasks if multilingual else None,
    }
    return GenerationConfig(
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=special_token(tokenizer, "startoftranscript"),
        no_timestamps_token_id=special_token(tokenizer, "notimestamps"),
        prev_sot_token_id=special_token(tokenizer, "startofprev"),
        is_multilingual=multilingual,
        return_timestamps=False,
        max_initial_timestamp_index=50,
        max_length=MAX_TARGET_POSITIONS,
        **{key: value for key, value in optional.items() if value is not None},
    )
