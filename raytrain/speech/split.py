"""Training and validation by whole children: a corpus in, two sets of utterance indices out, and who is in which."""

import hashlib
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from raytrain.errors import InputError


class Spoken(Protocol):
    """What a split is drawn from, an entry an utterance: a prepared corpus, or a manifest's lines."""

    @property
    def child_ids(self) -> Sequence[str]: ...

    @property
    def age_buckets(self) -> Sequence[str]: ...

    @property
    def source_names(self) -> Sequence[str]:
        """What the manifests are called that they are of; empty where they are of one."""

    @property
    def source_numbers(self) -> Sequence[int] | np.ndarray:
        """Of each utterance, which of those manifests it is of."""

    @property
    def twice_heard(self) -> Sequence[int]:
        """Those that are in another of the manifests, too, by their sound or their file."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Indices into a corpus, ascending; no child is in both halves."""

    train: np.ndarray
    validation: np.ndarray
    train_children: tuple[str, ...]
    validation_children: tuple[str, ...]
    description: dict[str, Any]
    """How the split was drawn, and each half's utterances by age bucket."""

    def as_dict(self) -> dict[str, Any]:
        """The split as JSON has it: enough to see, and to check, who trained and who was scored."""
        return {
            **self.description,
            "train_children": list(self.train_children),
            "validation_children": list(self.validation_children),
        }


def split_by_child(corpus: Spoken, *, ratio: float, seed: int, stratify: bool = True) -> Split:
    """Hold out whole children until about `ratio` of the utterances are held out; of each age bucket if stratified and,
    of several manifests, in turns of each.

    A child's bucket and its manifest are its most frequent ones. The children's order is a hash of the seed and their
    id: neither the manifest's order nor a child added later reorders the others. At least one child is on each side.
    """
    indices_of: dict[str, list[int]] = defaultdict(list)
    for index, child in enumerate(corpus.child_ids):
        indices_of[child].append(index)
    if len(indices_of) < 2:
        raise InputError(
            f"data.group_by: the manifest has {len(indices_of)} child, and no child may be in both halves; "
            "add children, or set data.validation_manifest"
        )
    sizes = {child: len(indices) for child, indices in indices_of.items()}
    strata: dict[str, list[str]] = defaultdict(list)
    source_of = dict.fromkeys(indices_of, 0)
    for child in sorted(indices_of, key=lambda child: hashlib.sha256(f"{seed}:{child}".encode()).digest()):
        indices = indices_of[child]
        strata[_most(corpus.age_buckets[index] for index in indices) if stratify else "all"].append(child)
        if stratify and corpus.source_names:
            source_of[child] = _most(int(corpus.source_numbers[index]) for index in indices)
    held_out = set(_held_out([strata[name] for name in sorted(strata)], sizes, ratio, source_of))
    train, validation = (
        np.array(sorted(index for child in half for index in indices_of[child]), np.int64)
        for half in (indices_of.keys() - held_out, held_out)
    )
    return Split(
        train=train,
        validation=validation,
        train_children=tuple(sorted(indices_of.keys() - held_out)),
        validation_children=tuple(sorted(held_out)),
        description={
            "group_by": "child_id",
            "stratify_by": "age_bucket" if stratify else None,
            "ratio": ratio,
            "seed": seed,
            "train_utterances": _by_bucket(corpus, train),
            "validation_utterances": _by_bucket(corpus, validation),
        },
    )


def whole(train: Spoken, validation: Spoken) -> Split:
    """Everything of both: validation has a manifest of its own."""
    return Split(
        train=np.arange(len(train.child_ids)),
        validation=np.arange(len(validation.child_ids)),
        train_children=tuple(sorted(set(train.child_ids))),
        validation_children=tuple(sorted(set(validation.child_ids))),
        description={"validation": "a manifest of its own"},
    )


_Kind = TypeVar("_Kind", int, str)


def _most(values: Iterable[_Kind]) -> _Kind:
    """The most frequent value; of equally frequent ones the first by its order."""
    number_of = Counter(values)
    return min(number_of, key=lambda value: (-number_of[value], value))


def _held_out(
    strata: list[list[str]], sizes: Mapping[str, int], ratio: float, source_of: Mapping[str, int]
) -> list[str]:
    """The children to hold out, each stratum's in its order, a child where that brings the held-out count nearer; of
    several manifests first those of the one that has given least of its share.

    What one stratum misses is carried to the next: with three children a bucket and a ratio of 0.1, none would ever
    be held out otherwise. A stratum never gives its last child, since training should hear every age, nor a manifest.
    """
    held_out: list[str] = []
    target = 0.0
    staying = Counter(source_of.values())
    owed: dict[int, float] = defaultdict(float)
    for child, source in source_of.items():
        owed[source] += ratio * sizes[child]
    for children in strata:
        target += ratio * sum(sizes[child] for child in children)
        spare = len(children) - 1
        for child in _by_turns(children, source_of, owed):
            if spare and staying[source_of[child]] > 1 and abs(target - sizes[child]) < abs(target):
                held_out.append(child)
                target -= sizes[child]
                spare -= 1
                staying[source_of[child]] -= 1
                owed[source_of[child]] -= sizes[child]
    if not held_out:
        # All too large for the ratio, or each alone in its bucket: the smallest child costs training least.
        everyone = [child for children in strata for child in children]
        spared = [child for children in strata if len(children) > 1 for child in children]
        of_several = [child for child in spared or everyone if staying[source_of[child]] > 1]
        held_out.append(min(of_several or spared or everyone, key=lambda child: sizes[child]))
    return held_out


def _by_turns(children: Sequence[str], source_of: Mapping[str, int], owed: Mapping[int, float]) -> Iterator[str]:
    """The children in their order, but each next one of the manifest that owes most by then."""
    waiting: dict[int, deque[tuple[int, str]]] = defaultdict(deque)
    for place, child in enumerate(children):
        waiting[source_of[child]].append((place, child))
    while waiting:
        source = max(waiting, key=lambda one: (owed[one], -waiting[one][0][0]))
        yield waiting[source].popleft()[1]
        if not waiting[source]:
            del waiting[source]


def _by_bucket(corpus: Spoken, indices: np.ndarray) -> dict[str, int]:
    return dict(sorted(Counter(corpus.age_buckets[index] for index in indices).items()))
