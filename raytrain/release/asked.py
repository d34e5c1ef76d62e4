"""What a score is asked for: who is scored, under which names, on what and how. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raytrain.errors import InputError
from raytrain.files import sha256_of
from raytrain.release.held_out import HeldOut
from raytrain.release.models import NamedModel
from raytrain.release.predictions import NamedPredictions
from raytrain.results.run_folder import safe_name

Contestant = NamedModel | NamedPredictions


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is scored, and how."""

    contestants: Mapping[str, Contestant]
    """By the name that each has in tables and folders."""
    language: str
    """The code of the language that texts are scored in."""
    num_beams: int
    batch_size: int

    def identity(self, held_out: HeldOut) -> dict[str, Any]:
        """What must be the same for a score to be gone on with."""
        return {
            "data": {source: corpus.folder.name for source, corpus in held_out.corpora.items()},
            "language": self.language,
            "beams": self.num_beams,
            "models": {name: _identity(one) for name, one in self.contestants.items()},
        }

    def require_matching(self, held_out: HeldOut) -> None:
        """Refuse predictions that cannot be scored on this test set."""
        wanted = held_out.utterance_ids
        for one in self.contestants.values():
            if not isinstance(one, NamedPredictions):
                continue
            if not held_out.has_texts:
                raise InputError(f"{one.typed}: the manifest has no transcripts to score predictions against")
            if one.texts.keys().isdisjoint(wanted):
                first = f"its first is {next(iter(one.texts))!r}, the manifest's {wanted[0]!r}"
                raise InputError(f"{one.typed}: no prediction is of the test manifest's utterances: {first}")


def named(contestants: Sequence[Contestant]) -> dict[str, Contestant]:
    """Each by a name of its own, as part of a path too: a name that is taken gets -2, -3 behind it."""
    found: dict[str, Contestant] = {}
    taken: set[str] = set()
    for one in contestants:
        number, name = 1, one.name
        while safe_name(name) in taken:
            number += 1
            name = f"{one.name}-{number}"
        taken.add(safe_name(name))
        found[name] = one
    return found


def _identity(one: Contestant) -> dict[str, Any]:
    if isinstance(one, NamedPredictions):
        return {"predictions": sha256_of(one.path)}
    files = sorted(one.folder.glob("*.safetensors"))
    return {"folder": str(one.folder), "weights": [[file.stat().st_size, file.stat().st_mtime_ns] for file in files]}
