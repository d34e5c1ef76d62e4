"""What the decoder must emit, with and without a language."""

import pytest
from transformers.models.whisper.modeling_whisper import shift_tokens_right

from raytrain.config.baseline import Model
from raytrain.errors import InputError
from raytrain.whisper.labels import decoder_prompt, encode, is_multilingual
from raytrain.whisper.tokenizer import byte_level_tokenizer
from raytrain.whisper.weights import Whisper

MULTILINGUAL = Model(variant="tiny", pretrained=None)


def test_english_only_labels_are_no_timestamps_then_words_then_the_end(tiny: Whisper, tiny_model: Model) -> None:
    labels = encode(tiny.tokenizer, "hello  there ", tiny_model)
    assert tiny.tokenizer.convert_ids_to_tokens(labels) == ["<|notimestamps|>", "Ġhello", "Ġthere", "<|endoftext|>"]


def test_the_model_adds_the_start_token_itself(tiny: Whisper, tiny_model: Model) -> None:
    labels = encode(tiny.tokenizer, "hello", tiny_model)
    batch = tiny.tokenizer.pad({"input_ids": [labels]}, return_tensors="pt").input_ids
    config = tiny.model.config
    shifted = shift_tokens_right(batch, config.pad_token_id, config.decoder_start_token_id)[0].tolist()
    assert [*shifted, tiny.tokenizer.eos_token_id] == [tiny.prompt[0], *labels]
    assert shifted[: len(tiny.prompt)] == list(tiny.prompt)


def test_labels_are_those_that_transformers_makes_of_the_same_words(tiny: Whisper, tiny_model: Model) -> None:
    theirs = tiny.tokenizer(" ten of clubs").input_ids
    assert [tiny.prompt[0], *encode(tiny.tokenizer, "ten of clubs", tiny_model)] == theirs


def test_multilingual_labels_name_language_and_task() -> None:
    tokenizer = byte_level_tokenizer()
    norwegian = MULTILINGUAL.model_copy(update={"language": "no", "task": "translate"})
    assert is_multilingual(tokenizer)
    assert tokenizer.convert_ids_to_tokens(encode(tokenizer, "ja", norwegian)) == [
        *("<|no|>", "<|translate|>", "<|notimestamps|>"),
        *("Ġ", "j", "a"),
        "<|endoftext|>",
    ]
    assert tokenizer.convert_ids_to_tokens(decoder_prompt(tokenizer, norwegian))[:2] == [
        "<|startoftranscript|>",
        "<|no|>",
    ]


def test_a_language_may_be_named_in_full() -> None:
    tokenizer = byte_level_tokenizer()
    named = MULTILINGUAL.model_copy(update={"language": "English"})
    assert decoder_prompt(tokenizer, named) == decoder_prompt(tokenizer, MULTILINGUAL)


@pytest.mark.parametrize(("wrong", "meant"), [("englsh", "english"), ("norwegain", "norwegian"), ("trnaslate", None)])
def test_an_unknown_language_is_refused_with_the_nearest_known(wrong: str, meant: str | None) -> None:
    said = f"did you mean '{meant}'" if meant else "a code such as 'en'"
    with pytest.raises(InputError, match=said):
        decoder_prompt(byte_level_tokenizer(), MULTILINGUAL.model_copy(update={"language": wrong}))


def test_english_only_weights_refuse_another_language_and_translation(tiny: Whisper, tiny_model: Model) -> None:
    with pytest.raises(InputError, match="knows English only"):
        decoder_prompt(tiny.tokenizer, tiny_model.model_copy(update={"language": "no"}))
    with pytest.raises(InputError, match="does not translate"):
        decoder_prompt(tiny.tokenizer, tiny_model.model_copy(update={"task": "translate"}))


def test_an_empty_transcript_is_the_prompt_and_the_end(tiny: Whisper, tiny_model: Model) -> None:
    assert encode(tiny.tokenizer, " \n", tiny_model) == [tiny.prompt[1], tiny.tokenizer.eos_token_id]


@pytest.mark.parametrize(
    "text", ["the <|endoftext|> dog", "<|0.00|> the dog<|2.00|>", "<|startoftranscript|><|en|>the", "<<||>|>"]
)
def test_a_special_token_typed_in_a_transcript_is_text(tiny: Whisper, tiny_model: Model, text: str) -> None:
    labels = encode(tiny.tokenizer, text, tiny_model)
    assert max(labels[1:-1]) < tiny.tokenizer.eos_token_id  # all of Whisper's own tokens follow the end of text
    tokens = tiny.tokenizer.convert_ids_to_tokens(labels[1:-1])
    assert tiny.tokenizer.convert_tokens_to_string(tokens) == f" {text}"


@pytest.mark.parametrize(
    "token", ["endoftext", "startoftranscript", "de", "transcribe", "notimestamps", "0.00", "30.00"]
)
def test_no_special_token_of_a_multilingual_tokenizer_comes_out_of_a_transcript(token: str) -> None:
    tokenizer = byte_level_tokenizer()
    text = f"the <|{token}|><|{token}|> dog"
    labels = encode(tokenizer, text, MULTILINGUAL)
    assert tokenizer.convert_tokens_to_ids(f"<|{token}|>") not in labels[3:-1]
    tokens = tokenizer.convert_ids_to_tokens(labels[3:-1])
    assert tokenizer.convert_tokens_to_string(tokens) == f" {text}"
