"""Settings as typed in; the same with absolute paths out: what a run writes down means one place from any folder."""

import os
from pathlib import Path

from raytrain.config.baseline import Baseline, Data
from raytrain.config.space import Choice, Scalar, SearchSpace
from raytrain.config.train_sources import TrainManifest
from raytrain.errors import InputError
from raytrain.files import at_home


def absolute(baseline: Baseline) -> Baseline:
    """The baseline with absolute paths; `demo`, a hub's ids and addresses such as s3://bucket stay what they are."""
    data, model = baseline.data, baseline.model
    manifests = {
        "train_manifest": _train_manifest(data),
        "validation_manifest": None if data.validation_manifest is None else _manifest(data.validation_manifest),
    }
    storage = baseline.storage if "://" in baseline.storage else _path(baseline.storage)
    if not storage.isprintable():
        raise InputError(f"{storage!r}: the commands to go on could not be printed; take storage=PATH of plain letters")
    return baseline.model_copy(
        update={
            "data": data.model_copy(update=manifests),
            "model": model.model_copy(update={"pretrained": _weights(model.pretrained)}),
            "storage": storage,
        }
    )


def absolute_space(space: SearchSpace) -> SearchSpace:
    """The space with absolute paths where weights are what it varies."""
    varied = space.vary.get("model.pretrained")
    if not isinstance(varied, Choice):
        return space
    weights = varied.model_copy(update={"values": [_weights(value) for value in varied.values]})
    return space.model_copy(update={"vary": {**space.vary, "model.pretrained": weights}})


def _train_manifest(data: Data) -> TrainManifest:
    """One manifest that an epoch hears once is its path alone; of several, each keeps the name it has by now."""
    first, *more = sources = [
        source.model_copy(update={"manifest": _manifest(source.manifest)}) for source in data.train_sources()
    ]
    return first.manifest if not more and first.weight == 1 else list(sources)


def _manifest(name_or_path: str) -> str:
    return name_or_path if name_or_path == "demo" else _path(name_or_path)


def _weights(pretrained: Scalar) -> Scalar:
    """A folder that is there is taken for the weights before any hub is asked, and so is all that looks like a path."""
    if not isinstance(pretrained, str):
        return pretrained
    is_path = pretrained.startswith((".", "~", os.sep)) or Path(pretrained).is_dir()
    return _path(pretrained) if is_path else pretrained


def _path(text: str) -> str:
    try:
        path = str(at_home(text).absolute())
        path.encode()
    except OSError as error:  # a working folder that was removed
        raise InputError(f"{text}: {error}; give the whole path, from / on") from None
    except UnicodeEncodeError:
        raise InputError(f"{path}: is not UTF-8, as all is that a run writes down; name another place") from None
    return path
