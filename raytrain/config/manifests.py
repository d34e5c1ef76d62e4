"""The manifests that a run trains or is scored on, as typed in; each with a short name of its own out."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, field_validator

from raytrain.config.section import Section, Text
from raytrain.files import at_home

_MOST_NAME_LETTERS = 40
_SAYS_NOTHING = frozenset(
    ("data", "dev", "eval", "manifest", "metadata", "test", "train", "training", "utterances", "val", "valid",
     "validated", "validation")
)  # fmt: skip
"""Names of files that half the world's manifests have: their folders' say more."""


class Named(Section):
    """One of the manifests that a run is scored on."""

    manifest: Text
    """A JSON-lines manifest; `demo` is the synthetic corpus in the package."""
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


class Weighted(Named):
    """One of the manifests that a run trains on."""

    weight: float = Field(1.0, gt=0, le=100)
    """How many times an epoch hears each clip; of 0.5 half of the clips, and in the next epoch the other half."""


_AtLeastOne = Field(json_schema_extra={"minItems": 1})
ScoredManifest = Text | Annotated[list[Text | Named], _AtLeastOne]
TrainManifest = Text | Annotated[list[Text | Weighted], _AtLeastOne]
"""A manifest, or several."""
_Source = TypeVar("_Source", bound=Named)


def sources_of(manifests: str | Sequence[str | _Source], kind: type[_Source]) -> list[_Source]:
    """Each manifest with its name, in the order they were given."""
    entries = [manifests] if isinstance(manifests, str) else manifests
    sources = [kind(manifest=one) if isinstance(one, str) else one for one in entries]
    names = Counter(_plain(Path(source.manifest).stem) if source.name is None else source.name for source in sources)
    return [
        source if source.name is not None else source.model_copy(update={"name": _name_of(source.manifest, names)})
        for source in sources
    ]


def fault_in(sources: Sequence[Named]) -> str | None:
    """What is wrong with manifests together, where each of them alone is right; None where nothing is."""
    if not sources:
        return "an empty list: name a manifest, or several"
    places = Counter(_place(source.manifest) for source in sources)
    twice = next((source.manifest for source in sources if places[_place(source.manifest)] > 1), None)
    if twice is not None:
        heard = ", and with a weight of 2 each epoch hears it twice" if isinstance(sources[0], Weighted) else ""
        return f"{twice} is listed twice; list it once{heard}"
    name, number = Counter(source.name for source in sources).most_common(1)[0]
    if number > 1:
        last = [source.manifest for source in sources if source.name == name][-1]
        return (
            f"{number} manifests are called {name!r} in outputs; name one otherwise, as in "
            f"{{manifest: {last}, name: {name}2}}"
        )
    return None


def is_plain_name(name: str) -> bool:
    """Whether a name can stand in a table's heading, before a / and in a tracker's key, as it is."""
    return bool(name) and name == _plain(name)


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
