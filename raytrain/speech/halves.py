"""What trains and what is scored, counted: who is in which half in; lines that say so before anything is trained, out.

What the end could not help saying, since too few children are scored, is said here at once.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Data
from raytrain.config.constants import AGE_BUCKETS
from raytrain.results.verdict import MIN_CHILDREN, ratio_for
from raytrain.results.wording import counted
from raytrain.speech.joined_corpus import in_several
from raytrain.speech.manifest import Utterance, iterate_manifest, manifest_path
from raytrain.speech.spellings import joined
from raytrain.speech.split import Split, Spoken, split_by_child, whole

_NAMES = {"train": "trains", "validation": "scores"}


@dataclass(frozen=True)
class Half:
    """The clips and the children of one half, by age bucket; a child counts in each bucket that it has clips in."""

    clips: dict[str, int]
    children_by_bucket: dict[str, int]
    children: int
    by_source: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Clips and children of each manifest, where there are several."""

    @classmethod
    def of(cls, spoken: Spoken, indices: Iterable[int]) -> "Half":
        clips: Counter[str] = Counter()
        children: dict[str, set[str]] = {}
        sources: dict[str, list[str]] = {name: [] for name in spoken.source_names}
        for index in indices:
            bucket = spoken.age_buckets[index]
            clips[bucket] += 1
            children.setdefault(bucket, set()).add(spoken.child_ids[index])
            if sources:
                sources[spoken.source_names[spoken.source_numbers[index]]].append(spoken.child_ids[index])
        known = [bucket for bucket in AGE_BUCKETS if bucket in clips]
        return cls(
            {bucket: clips[bucket] for bucket in known},
            {bucket: len(children[bucket]) for bucket in known},
            len(set().union(*children.values())),
            {name: (len(heard), len(set(heard))) for name, heard in sources.items()},
        )

    def __str__(self) -> str:
        parts = [f"{self.clips[bucket]} of {self.children_by_bucket[bucket]} aged {bucket}" for bucket in self.clips]
        by_age = f": {', '.join(parts)}" if list(self.clips) != ["unknown"] else ""
        return f"{counted(sum(self.clips.values()), 'clip')} of {_children(self.children)}{by_age}"

    def sources(self, weights: Mapping[str, float]) -> str:
        """The clips and children of each manifest; how often an epoch hears each clip, where that is not once."""
        return ", ".join(
            f"{name} {counted(clips, 'clip')} of {_children(children)}{_times(weights.get(name, 1.0))}"
            for name, (clips, children) in self.by_source.items()
        )

    def as_dict(self) -> dict[str, Any]:
        sources = {name: {"clips": clips, "children": number} for name, (clips, number) in self.by_source.items()}
        return {
            "clips": self.clips,
            "children": self.children_by_bucket,
            "all_children": self.children,
            **({"sources": sources} if sources else {}),
        }


@dataclass(frozen=True)
class Halves:
    """Both halves of a run's data, and what is known of its end by now."""

    train: Half
    validation: Half
    of_its_own: bool
    """Whether validation has a manifest of its own."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How often an epoch hears each clip, by the manifests' names; those that are heard once are left out."""
    children_in_several: int = 0
    """Children that are in more than one of the manifests to train on."""
    twice_heard: int = 0
    """Clips that are, by their sound or their file."""

    @classmethod
    def of(
        cls, spoken: Spoken, split: Split, own: Spoken | None = None, *, weights: Mapping[str, float] | None = None
    ) -> "Halves":
        """`own` is what validation's own manifest holds; else it is a part of `spoken`."""
        scored = spoken if own is None else own
        shared = in_several(spoken.child_ids, spoken.source_numbers) if spoken.source_names else []
        return cls(
            Half.of(spoken, split.train),
            Half.of(scored, split.validation),
            own is not None,
            {name: weight for name, weight in (weights or {}).items() if weight != 1},
            len({spoken.child_ids[index] for index in shared}),
            len(spoken.twice_heard),
        )

    @property
    def train_share(self) -> float:
        """Of the clips of the manifests to train on."""
        train, scored = (sum(half.clips.values()) for half in (self.train, self.validation))
        return 1.0 if self.of_its_own else train / (train + scored)

    @property
    def unscored_buckets(self) -> list[str]:
        """Ages that train and that no validation child has."""
        return [bucket for bucket in self.train.clips if bucket not in self.validation.clips]

    @property
    def unscored_sources(self) -> list[str]:
        """Manifests of which clips train, and none is scored."""
        scored = self.validation.by_source
        return [name for name, (clips, _) in self.train.by_source.items() if clips and scored.get(name) == (0, 0)]

    def notes(self) -> list[str]:
        """What several manifests have in common, and what becomes of it."""
        found = []
        if self.children_in_several:
            half = "" if self.of_its_own else ", whole in one half"
            found.append(f"{_children(self.children_in_several)} in several manifests: each is one child{half}")
        if self.twice_heard:
            found.append(
                f"{counted(self.twice_heard, 'clip')} in several manifests, by sound or file: heard once for each; "
                "leave them out of all but one"
            )
        return found

    def warnings(self, *, seeds: int | None = None) -> list[str]:
        """What the end could not help saying. `seeds`: by how many a study judges its best; None where it does not."""
        found = []
        if self.unscored_buckets:
            buckets = ", ".join(self.unscored_buckets)
            found.append(f"no child aged {buckets} is scored: nothing will be known of these")
        if self.unscored_sources:
            found.append(f"no clip of {', '.join(self.unscored_sources)} is scored: nothing will be known of these")
        ratio = ratio_for(MIN_CHILDREN, known=self.train.children + self.validation.children)
        way_out = f"data.validation_ratio={ratio:g} takes so many" if ratio else "record more of them"
        if self.of_its_own:
            way_out = "add children to data.validation_manifest"
        if self.validation.children < MIN_CHILDREN:
            found.append(
                f"with {counted(self.validation.children, 'validation child', 'validation children')} no verdict is "
                f"possible, {MIN_CHILDREN} or more would do: {way_out}"
            )
        if seeds == 1:
            found.append("with one seed no verdict is possible: set search.finalists and search.seeds to 2 or more")
        return found

    def lines(self, *, seeds: int | None = None) -> list[str]:
        """The block that every door says in the same words."""
        halves = []
        for name, weights in (("train", self.weights), ("validation", {})):
            half: Half = getattr(self, name)
            if half.by_source:
                halves += [f"{_NAMES[name]:<10} {half}", f"{'':<10} {half.sources(weights)}"]
            else:
                halves.append(f"{_NAMES[name]:<10} {half}{''.join(map(_times, weights.values()))}")
        return [*halves, *(f"note       {note}" for note in [*self.notes(), *self.warnings(seeds=seeds)])]

    def as_dict(self, *, seeds: int | None = None) -> dict[str, Any]:
        return {
            "train": self.train.as_dict(),
            "validation": self.validation.as_dict(),
            "unscored_age_buckets": self.unscored_buckets,
            "warnings": [*self.notes(), *self.warnings(seeds=seeds)],
        }


@dataclass(frozen=True)
class Speakers:
    """Who speaks in which age bucket, an entry an utterance: all that a split needs of a manifest."""

    child_ids: Sequence[str]
    age_buckets: Sequence[str]
    source_names: Sequence[str] = ()
    source_numbers: Sequence[int] = ()
    twice_heard: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.child_ids)


def halves_of(data: Data, *, seed: int) -> Halves:
    """The halves by the manifests' lines alone, as `data check` and `plan --data` say them: no sound is read, so what
    cannot be used is counted, too. InputError where no split is possible."""
    spoken = speakers({source.name or "": manifest_path(source.manifest) for source in data.train_sources()})
    own, stratify = None, data.stratify_by is not None
    if data.validation_manifest is None:
        split = split_by_child(spoken, ratio=data.validation_ratio, seed=seed, stratify=stratify)
    else:
        own = speakers({source.name or "": manifest_path(source.manifest) for source in data.validation_sources()})
        split = whole(spoken, own)
    return Halves.of(spoken, split, own, weights={source.name or "": source.weight for source in data.train_sources()})


def speakers(manifests: Mapping[str, Path]) -> Speakers:
    """Who speaks in these manifests, by their names; one spelling a child. Lines that are no utterances are left
    out."""
    found: list[Utterance] = []
    numbers: list[int] = []
    for number, manifest in enumerate(manifests.values()):
        lines = [line for line in iterate_manifest(manifest) if isinstance(line, Utterance)]
        found += lines
        numbers += [number] * len(lines)
    child_ids, buckets = joined([one.child_id for one in found]), [one.age_bucket for one in found]
    if len(manifests) < 2:
        return Speakers(child_ids, buckets)
    twice_heard = in_several([os.path.normpath(one.audio_path) for one in found], numbers)
    return Speakers(child_ids, buckets, tuple(manifests), numbers, twice_heard)


def _children(number: int) -> str:
    return counted(number, "child", "children")


def _times(weight: float) -> str:
    return f" × {weight:g} an epoch" if weight != 1 else ""
