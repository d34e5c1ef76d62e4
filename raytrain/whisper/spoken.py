"""A model's language in; a refusal out where its weights lie on this machine and know English alone. Reads one small
file, fetches nothing and imports no torch: the doors ask before all else."""

from pathlib import Path

from raytrain.config.baseline import Model
from raytrain.config.languages import language_code
from raytrain.errors import InputError
from raytrain.files import at_home
from raytrain.whisper.folders import described, models_folder, our_cache
from raytrain.whisper.variants import ENGLISH_ONLY_VOCAB_SIZE, VARIANTS


def require_spoken(model: Model) -> None:
    """Refuse a language or a task that the weights cannot do. What only their tokenizer knows shows at loading."""
    plain_english = language_code(model.language) == "en" and model.task == "transcribe"
    if model.pretrained is None or plain_english or not _is_english_only(model.pretrained):
        return
    asked = "language" if language_code(model.language) != "en" else "task"
    raise InputError(
        f"model.{asked}: {model.pretrained} knows English only, and transcribes it; name multilingual weights, as "
        f"{VARIANTS[model.variant].hub_id}, or set model.language=en model.task=transcribe"
    )


def _is_english_only(pretrained: str) -> bool:
    basename, models = pretrained.rstrip("/").rsplit("/", 1)[-1], models_folder()
    places = [at_home(pretrained), *([models / basename] if models is not None else []), our_cache() / basename]
    folder = next((place for place in places if (place / "config.json").is_file()), None)
    return folder is not None and _vocab_size(folder) == ENGLISH_ONLY_VOCAB_SIZE


def _vocab_size(folder: Path) -> object:
    try:
        return described(folder).get("vocab_size")
    except InputError:  # whoever loads these weights is told
        return None
