"""A run that was begun in; its inputs, where they are still those it was begun with, or what differs, out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.files import sha256_of
from raytrain.results.description import Description
from raytrain.speech.apart import counted
from raytrain.speech.listing import difference
from raytrain.trial.inputs import DATA_FILE, Inputs, inputs_of

_CHILDREN, _UTTERANCES = ("train_children", "validation_children"), ("train_utterances", "validation_utterances")
"""What runs have of their data that were begun before the data themselves were recorded."""


def inputs_again(description: Description, folder: Path) -> tuple[Description, Inputs]:
    """The inputs of a run to be gone on with, and its description; InputError where the data are others by now.

    Of a run that was begun before data were recorded, what there is is compared, and the rest recorded from now on.
    """
    another = f"begin another {'fit' if description.space is None else 'study'}"
    _require_manifests(description, folder, another=another)
    inputs = inputs_of(description.baseline, may_share=True)
    then, now = description.data, inputs.described()
    if "data_sha256" not in then and all(then[key] == now[key] for key in _CHILDREN + _UTTERANCES if key in then):
        return replace(description, data={**then, **now, "first_recorded_on_resume": True}), inputs
    if then.get("data_sha256") == now["data_sha256"]:
        return description, inputs
    raise InputError(
        f"{folder}: was begun with other data than there are now: {_difference(then, inputs, folder)}; "
        f"put back {_manifests(description)} and the sound as they were, or {another}"
    )


def _require_manifests(description: Description, folder: Path, *, another: str) -> None:
    data = description.baseline.data
    for manifest in (data.train_manifest, data.validation_manifest):
        if manifest in (None, "demo") or Path(manifest).expanduser().is_file():
            continue
        is_whole = Path(manifest).expanduser().is_absolute()
        way_out = "put it back at that path" if is_whole else "go on in the folder that this path starts from"
        raise InputError(f"{manifest}: no such manifest, and {folder} was begun with it; {way_out}, or {another}")


def _difference(then: Mapping[str, Any], inputs: Inputs, folder: Path) -> str:
    listed = folder / DATA_FILE
    if listed.is_file() and sha256_of(listed) == then.get("data_sha256"):
        two_corpora = inputs.validation_corpus is not None
        return difference(listed.read_text(encoding="utf-8"), inputs.listing, two_corpora=two_corpora)
    told = _difference_of_children(then, inputs.described())
    return f"{told}; no more can be told without {listed} as it was written"


def _difference_of_children(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """All that the description alone tells."""
    children = [{child for half in _CHILDREN for child in data.get(half, ())} for data in (then, now)]
    utterances = [sum(_number(data.get(half, 0)) for half in _UTTERANCES) for data in (then, now)]
    parts = [
        (sorted(children[0] - children[1]), "child is gone", "children are gone"),
        (sorted(children[1] - children[0]), "child more", "children more"),
    ]
    told = [counted(names, one, many) for names, one, many in parts if names]
    return ", ".join([*told, f"{utterances[0]} utterances then, {utterances[1]} now"])


def _number(utterances: int | Mapping[str, int]) -> int:
    return utterances if isinstance(utterances, int) else sum(utterances.values())


def _manifests(description: Description) -> str:
    data = description.baseline.data
    return " and ".join(name for name in (data.train_manifest, data.validation_manifest) if name is not None)
