"""Settings as typed in; the same with absolute paths out: what a run writes down means one place from any folder."""

import os
from collections.abc import Sequence
from pathlib import Path

from raytrain.config.baseline import Baseline
from raytrain.config.manifests import Named
from raytrain.config.space import ByBranch, Choice, Range, Scalar, SearchSpace, Variation
from raytrain.errors import InputError
from raytrain.files import at_home


def absolute(baseline: Baseline) -> Baseline:
    """The baseline with absolute paths; `demo`, a hub's ids and addresses such as s3://bucket stay what they are."""
    data, model, evaluation = baseline.data, baseline.model, baseline.evaluation
    noise = baseline.augmentation.noise_folder
    manifests = {
        "train_manifest": _manifests(data.train_sources()),
        "validation_manifest": _manifests(data.validation_sources()),
    }
    storage = baseline.storage if "://" in baseline.storage else _path(baseline.storage)
    if not storage.isprintable():
        raise InputError(f"{storage!r}: the commands to go on could not be printed; take storage=PATH of plain letters")
    return baseline.model_copy(
        update={
            "data": data.model_copy(update=manifests),
            "evaluation": evaluation.model_copy(
                update={"also": {name: _manifest(manifest) for name, manifest in evaluation.also.items()}}
            ),
            "model": model.model_copy(update={"pretrained": _weights(model.pretrained)}),
            "augmentation": baseline.augmentation.model_copy(update={"noise_folder": noise and _path(noise)}),
            "storage": storage,
        }
    )


def absolute_space(space: SearchSpace) -> SearchSpace:
    """The space with absolute paths where weights are what it varies."""
    varied = space.vary.get("model.pretrained")
    if varied is None:
        return space
    if isinstance(varied, ByBranch):
        parts = {"full": _choice(varied.full), "adapter": _choice(varied.adapter)}
        weights: Variation = varied.model_copy(update=parts)
    else:
        weights = _choice(varied)
    return space.model_copy(update={"vary": {**space.vary, "model.pretrained": weights}})


def _choice(varied: Choice | Range) -> Choice | Range:
    if not isinstance(varied, Choice):
        return varied
    return varied.model_copy(update={"values": [_weights(value) for value in varied.values]})


def _manifests(sources: Sequence[Named]) -> str | list[Named] | None:
    """One manifest that an epoch hears once is its path alone; of several, each keeps the name it has by now."""
    written = [source.model_copy(update={"manifest": _manifest(source.manifest)}) for source in sources]
    if len(written) == 1 and getattr(written[0], "weight", 1) == 1:
        return written[0].manifest
    return written or None


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
