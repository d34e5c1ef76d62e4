"""A tokenizer for random weights: that of any Whisper at hand, else one made of bytes that needs no file."""

from pathlib import Path
from typing import Any

from raytrain.config.languages import LANGUAGES
from raytrain.errors import InputError
from raytrain.files import as_kind, read_value
from raytrain.whisper.folders import described, known_folders
from raytrain.whisper.variants import ENGLISH_ONLY_VOCAB_SIZE, Variant

_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "added_tokens.json", "special_tokens_map.json",
          "normalizer.json")  # fmt: skip


def load_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer, as transformers' WhisperTokenizer."""
    from transformers import WhisperTokenizer

    for name in _FILES:
        if (folder / name).exists():
            _require_object(folder / name)
    try:
        return WhisperTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # tokenizers, in Rust, raises no narrower class
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{folder}: its tokenizer cannot be read ({lines[0].strip()}); fetch it again") from error


def _require_object(path: Path) -> None:
    """Refuse a file that is not a JSON object; what is in it is transformers' to read, and a vocabulary is long."""
    value = read_value(path, way_out="fetch it again")
    if not isinstance(value, dict):
        as_kind(value, dict[str, Any], place=str(path), way_out="fetch it again")


def tokenizer_at_hand(variant: Variant, *, english_will_do: bool = True) -> Any:
    """A tokenizer for random weights: real tokens make transcripts as long as they would be, which memory and speed
    depend on. A multilingual vocabulary is taken before an English-only one, since that is what the variant has; an
    English-only one knows no other language and no translation."""
    sizes = {folder: described(folder)["vocab_size"] for folder in known_folders()}
    fewest = 0 if english_will_do else ENGLISH_ONLY_VOCAB_SIZE + 1
    fitting = [folder for folder, size in sizes.items() if fewest <= size <= variant.vocab_size]
    if not fitting:
        return byte_level_tokenizer()
    return load_tokenizer(min(fitting, key=lambda folder: sizes[folder] <= ENGLISH_ONLY_VOCAB_SIZE))


def byte_level_tokenizer() -> Any:
    """A tokenizer with a token for each byte, and Whisper's special tokens in Whisper's order."""
    from tokenizers import AddedToken, pre_tokenizers
    from transformers import WhisperTokenizer

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = WhisperTokenizer(vocab={character: number for number, character in enumerate(alphabet)}, merges=[])
    names = ["startoftranscript", *LANGUAGES, "translate", "transcribe", "startoflm", "startofprev", "nospeech"]
    tokenizer.add_tokens([AddedToken(f"<|{name}|>", special=True) for name in [*names, "notimestamps"]])
    tokenizer.add_tokens([AddedToken(f"<|{step * 0.02:.2f}|>") for step in range(1501)])
    tokenizer.set_prefix_tokens()  # it has looked for them already, before they were there
    return tokenizer
