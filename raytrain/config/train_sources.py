"""The manifests that a run trains on, as typed in; each with its weight and a short name of its own out."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from raytrain.config.section import Section, Text
from raytrain.files import at_home

_MOST_NAME_LETTERS = 40
_SAYS_NOTHING = frozenset(("data", "manifest", "metadata", "train", "training", "utterances", "validated"))
"""Names of files that half the world's manifests have: their folders' say more."""


class TrainSource(Section):
    """One of the manifests that a run trains on."""

    manifest: Text
    """A JSON-lines manifest; `demo` is the synthetic corpus in the package."""
    weight: float = Field(1.0, gt=0, le=100)
    """How many times an epoch hears each clip; of 0.5 half of the clips, and in the next epoch the other half."""
    name: Text | None = None
    """What outputs call it; null: the name of its file or, where that says nothing, of its folder."""

    @field_validator("name")
    @classmethod
    def _a_name_is_short_and_plain(cls, name: str | None) -> str | None:
        if name is not None and name != _plain(name):
            raise ValueError(
                f"must be at most {_MOST_NAME_LETTERS} letters on one line, with no / and no blanks around"
            )
        return name


TrainManifest = Text | Annotated[list[Text | TrainSource], Field(json_schema_extra={"minItems": 1})]
"""A manifest, or several."""


def train_sources(train_manifest: str | Iterable[str | TrainSource]) -> list[TrainSource]:
    """Each manifest with its weight and its name, in the order they were given."""
    entries = [train_manifest] if isinstance(train_manifest, str) else train_manifest
    sources = [TrainSource(manifest=one) if isinstance(one, str) else one for one in entries]
    names = Counter(_plain(Path(source.manifest).stem) if source.name is None else source.name for source in sources)
    return [
        source if source.name is not None else source.model_copy(update={"name": _name_of(source.manifest, names)})
        for source in sources
    ]


def fault_in(train_manifest: str | Iterable[str | TrainSource]) -> str | None:
    """What is wrong with a list of manifests, where each of them alone is right; None where nothing is."""
    sources = train_sources(train_manifest)
    if not sources:
        return "an empty list: name a manifest, or several"
    places = Counter(_place(source.manifest) for source in sources)
    twice = next((source.manifest for source in sources if places[_place(source.manifest)] > 1), None)
    if twice is not None:
        return f"{twice} is listed twice; list it once, and with a weight of 2 each epoch hears it twice"
    name, number = Counter(source.name for source in sources).most_common(1)[0]
    if number > 1:
        last = [source.manifest for source in sources if source.name == name][-1]
        return (
            f"{number} manifests are called {name!r} in outputs; name one otherwise, as in "
            f"{{manifest: {last}, name: {name}2}}"
        )
    return None


def _name_of(manifest: str, names: Counter[str]) -> str:
    """The file's name without its suffix, unless that says nothing or is another's, too; then the folder's."""
    stem = _plain(Path(manifest).stem)
    if stem.lower() in _SAYS_NOTHING or names[stem] > 1:
        return _plain(Path(_place(manifest)).parent.name) or stem
    return stem


def _plain(name: str) -> str:
    """A name as it can stand in a table's heading, before a / and in a tracker's key."""
    plain = "".join("_" if letter == "/" or not letter.isprintable() else letter for letter in name)
    return plain.strip()[:_MOST_NAME_LETTERS].strip()


def _place(manifest: str) -> str:
    """The whole path of a manifest, whatever way it is written."""
    try:
        return manifest if manifest == "demo" else os.path.normpath(at_home(manifest).absolute())
    except OSError:  # a working folder that was removed
        return manifest
