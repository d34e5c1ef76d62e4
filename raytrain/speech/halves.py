"""What trains and what is scored, counted: who is in which half in; lines that say so before anything is trained, out.

What the end could not help saying, since too few children are scored, is said here at once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Data
from raytrain.config.constants import AGE_BUCKETS
from raytrain.results.verdict import MIN_CHILDREN
from raytrain.speech.manifest import Utterance, iterate_manifest, manifest_path
from raytrain.speech.spellings import joined
from raytrain.speech.split import Split, Spoken, split_by_child

_NAMES = {"train": "trains", "validation": "scores"}


@dataclass(frozen=True)
class Half:
    """The clips and the children of one half, by age bucket; a child counts in each bucket that it has clips in."""

    clips: dict[str, int]
    children_by_bucket: dict[str, int]
    children: int

    @classmethod
    def of(cls, spoken: Spoken, indices: Iterable[int]) -> "Half":
        clips: Counter[str] = Counter()
        children: dict[str, set[str]] = {}
        for index in indices:
            bucket = spoken.age_buckets[index]
            clips[bucket] += 1
            children.setdefault(bucket, set()).add(spoken.child_ids[index])
        known = [bucket for bucket in AGE_BUCKETS if bucket in clips]
        return cls(
            {bucket: clips[bucket] for bucket in known},
            {bucket: len(children[bucket]) for bucket in known},
            len(set().union(*children.values())),
        )

    def __str__(self) -> str:
        parts = [f"{self.clips[bucket]} of {self.children_by_bucket[bucket]} aged {bucket}" for bucket in self.clips]
        by_age = f": {', '.join(parts)}" if list(self.clips) != ["unknown"] else ""
        return f"{_number(sum(self.clips.values()), 'clip')} of {_children(self.children)}{by_age}"


@dataclass(frozen=True)
class Halves:
    """Both halves of a run's data, and what is known of its end by now."""

    train: Half
    validation: Half
    of_its_own: bool
    """Whether validation has a manifest of its own."""

    @classmethod
    def of(cls, spoken: Spoken, split: Split, own: Spoken | None = None) -> "Halves":
        """`own` is what validation's own manifest holds; else it is a part of `spoken`."""
        scored = spoken if own is None else own
        return cls(Half.of(spoken, split.train), Half.of(scored, split.validation), own is not None)

    @property
    def unscored_buckets(self) -> list[str]:
        """Ages that train and that no validation child has."""
        return [bucket for bucket in self.train.clips if bucket not in self.validation.clips]

    def warnings(self, *, seeds: int | None = None) -> list[str]:
        """What the end could not help saying. `seeds`: by how many a study judges its best; None where it does not."""
        found = []
        if self.unscored_buckets:
            buckets = ", ".join(self.unscored_buckets)
            found.append(f"no child aged {buckets} is scored: nothing will be known of these")
        way_out = "add children to data.validation_manifest" if self.of_its_own else "raise data.validation_ratio"
        if self.validation.children < MIN_CHILDREN:
            found.append(
                f"with {_number(self.validation.children, 'validation child', 'validation children')} no verdict is "
                f"possible, {MIN_CHILDREN} or more would do: {way_out}"
            )
        if seeds == 1:
            found.append("with one seed no verdict is possible: set search.finalists and search.seeds to 2 or more")
        return found

    def lines(self, *, seeds: int | None = None) -> list[str]:
        """The block that every door says in the same words."""
        halves = (f"{_NAMES[name]:<10} {getattr(self, name)}" for name in _NAMES)
        return [*halves, *(f"note       {warning}" for warning in self.warnings(seeds=seeds))]

    def as_dict(self, *, seeds: int | None = None) -> dict[str, Any]:
        return {
            **{
                name: {"clips": half.clips, "children": half.children_by_bucket, "all_children": half.children}
                for name, half in (("train", self.train), ("validation", self.validation))
            },
            "unscored_age_buckets": self.unscored_buckets,
            "warnings": self.warnings(seeds=seeds),
        }


@dataclass(frozen=True)
class Speakers:
    """Who speaks in which age bucket, an entry an utterance: all that a split needs of a manifest."""

    child_ids: Sequence[str]
    age_buckets: Sequence[str]

    def __len__(self) -> int:
        return len(self.child_ids)


def halves_of(data: Data, *, seed: int) -> Halves:
    """The halves by the manifests' lines alone, as `data check` and `plan --data` say them: no sound is read, so what
    cannot be used is counted, too. InputError where no split is possible."""
    spoken = speakers(manifest_path(data.train_manifest))
    if data.validation_manifest is not None:
        own = speakers(manifest_path(data.validation_manifest))
        return Halves(Half.of(spoken, range(len(spoken))), Half.of(own, range(len(own))), of_its_own=True)
    stratify = data.stratify_by is not None
    return Halves.of(spoken, split_by_child(spoken, ratio=data.validation_ratio, seed=seed, stratify=stratify))


def speakers(manifest: Path) -> Speakers:
    """Who speaks in a manifest, one spelling a child; lines that are no utterances are left out."""
    found = [line for line in iterate_manifest(manifest) if isinstance(line, Utterance)]
    return Speakers(joined([one.child_id for one in found]), [one.age_bucket for one in found])


def _children(number: int) -> str:
    return _number(number, "child", "children")


def _number(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
