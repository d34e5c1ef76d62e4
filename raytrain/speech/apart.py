"""A corpus to train on and one to score on in; what is in both, with examples, out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from raytrain.speech.corpus import Corpus
from raytrain.speech.spellings import spelling

_SHOWN = 3


@dataclass(frozen=True)
class Shared:
    """What both halves hold, by the names that validation has for it."""

    children: tuple[str, ...]
    """Whatever blanks, unseen characters or case their ids differ by."""
    utterance_ids: tuple[str, ...]
    sounds: tuple[str, ...]
    """The validation utterances whose very samples train, too, under whatever id. Digital silence is nobody's."""

    def __bool__(self) -> bool:
        return bool(self.children or self.utterance_ids or self.sounds)

    def as_dict(self) -> dict[str, int]:
        """The counts as fit.json and study.json have them."""
        return {
            "shared_children": len(self.children),
            "shared_utterance_ids": len(self.utterance_ids),
            "shared_sounds": len(self.sounds),
        }

    def __str__(self) -> str:
        found = (
            (self.children, "child", "children"),
            (self.utterance_ids, "utterance id", "utterance ids"),
            (self.sounds, "clip of the very same sound", "clips of the very same sound"),
        )
        return ", ".join(counted(names, one, many) for names, one, many in found if names)


def shared(train: Corpus, train_indices: np.ndarray, validation: Corpus, validation_indices: np.ndarray) -> Shared:
    """What these utterances of two corpora, or of one, have in common. Ids of two corpora are compared as their
    manifests have them."""
    heard = {spelling(child) for child in set(_of(train.child_ids, train_indices))}
    children = [
        child for child in sorted(set(_of(validation.child_ids, validation_indices))) if spelling(child) in heard
    ]
    own, theirs = (one.utterance_ids if train is validation else one.own_ids for one in (train, validation))
    ids = set(_of(own, train_indices)) & set(_of(theirs, validation_indices))
    sounds = set(_of(train.sound_digests, train_indices))
    same = [index for index in validation_indices if validation.sound_digests[index] in sounds]
    heard_same = [validation.utterance_ids[index] for index in same if validation.audio(index).any()]
    return Shared(tuple(children), tuple(sorted(ids)), tuple(heard_same))


def counted(names: Sequence[str], one: str, many: str) -> str:
    """How many there are, and the first few: `2 children (a, b)`."""
    shown = [f"{name!r}"[1:-1] for name in islice(names, _SHOWN)]
    more = ", …" if len(names) > _SHOWN else ""
    return f"{len(names)} {one if len(names) == 1 else many} ({', '.join(shown)}{more})"


def _of(values: Sequence[str], indices: np.ndarray) -> Iterable[str]:
    return (values[index] for index in indices)
