"""An adapter's folder in; a folder of whole weights, those it lies over with the adapter added, in float32, out.

Loads torch only where there is something to merge.
"""

from pathlib import Path
from typing import Any

from raytrain.config.baseline import Audio, Model
from raytrain.errors import InputError
from raytrain.files import read_as
from raytrain.release.runs import KeptRun
from raytrain.whisper import weights
from raytrain.whisper.folders import RAYTRAIN, is_adapter

_OF_THE_ADAPTER = ("adapter", "base")


def require_adapter(run: KeptRun, *, averaged: bool) -> None:
    """Refuse to leave apart what is not an adapter."""
    if averaged:
        raise InputError(
            "--form adapter: the mean of several adapters is no adapter of their rank; leave out --average and --soup, "
            "or take --form hf, which averages the weights that they are merged into"
        )
    if not is_adapter(run.best.folder):
        raise InputError(f"--form adapter: {run.name} trained the weights themselves; take --form hf")


def heard_as(model: Model, folder: Path) -> Model:
    """What loads a folder of this run to listen: in float32, its adapter apart as it was trained, or none."""
    adapter = model.adapter if is_adapter(folder) else None
    return model.model_copy(update={"pretrained": str(folder), "base_precision": "fp32", "adapter": adapter})


def whole_weights(folder: Path, model: Model, *, into: Path) -> Path:
    """The folder itself where it holds whole weights; else a new one, in which they are."""
    if not is_adapter(folder):
        return folder
    facts = read_as(folder / RAYTRAIN, dict[str, Any])
    window = Audio.model_validate(facts.pop("window"))
    loaded = weights.load(heard_as(model, folder).model_copy(update={"adapter": None}), seed=0)  # merged as it loads
    extra = {name: fact for name, fact in facts.items() if name not in _OF_THE_ADAPTER}
    weights.save(loaded, into, window=window, extra=extra)
    return into
