"""What a run needs before a cluster is worth starting: a baseline in; its prepared corpora, split and weights out.

Done in the driver, so that bad input is reported at once and the corpus is prepared once for all trials.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self, cast

import numpy as np

from raytrain.config.baseline import Baseline
from raytrain.config.baseline import Data as DataSection
from raytrain.config.manifests import Named
from raytrain.errors import InputError
from raytrain.files import sha256_of, write_text
from raytrain.results.description import Data
from raytrain.speech.apart import Shared, shared
from raytrain.speech.corpus import Corpus, PreparedCorpus, open_corpus, prepare
from raytrain.speech.halves import Halves
from raytrain.speech.joined_corpus import join, open_corpora
from raytrain.speech.listing import fingerprint, listing
from raytrain.speech.manifest import manifest_path
from raytrain.speech.noises import noise_files
from raytrain.speech.problems import Kind
from raytrain.speech.repeats import Repeats
from raytrain.speech.split import Split, split_by_child, whole
from raytrain.whisper import weights

DATA_FILE = "data.jsonl"
"""The listing of a run's data, in its folder."""


@dataclass(frozen=True, kw_only=True)
class SplitRecipe:
    """How a corpus is split into training and validation: a function of these three, the same in every process."""

    ratio: float
    seed: int
    stratify: bool


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """Where a worker finds the inputs that the driver has prepared."""

    corpora: Mapping[str, Path]
    """The corpus of each manifest to train on, by its name."""
    validation_corpora: Mapping[str, Path]
    """Of each to score on; none where a part of the others is held out."""
    split: SplitRecipe
    also_corpora: Mapping[str, Path] = field(default_factory=dict)
    """Of each further set that is scored as a run ends, by its name."""


@dataclass(frozen=True)
class Inputs:
    """Prepared corpora and their split, at hand."""

    corpus: Corpus
    validation_corpus: Corpus | None
    """None: validation is a part of `corpus`."""
    split: Split
    whereabouts: Whereabouts
    weights: Mapping[str, float] = field(default_factory=dict)
    """How often an epoch hears each clip, by the names of the manifests to train on; without any once."""
    also: Mapping[str, Corpus] = field(default_factory=dict)
    """Further sets that are scored as a run ends."""

    @property
    def corpora(self) -> list[Corpus]:
        """All that a run reads, to train on and to score."""
        return [self.corpus, *([self.validation_corpus] if self.validation_corpus is not None else [])]

    @cached_property
    def listing(self) -> str:
        """All utterances and which half each is in, a line each."""
        return listing(self.corpus, self.validation_corpus, self.split)

    @cached_property
    def shared(self) -> Shared:
        """What is in both halves."""
        scored = self.corpus if self.validation_corpus is None else self.validation_corpus
        return shared(self.corpus, self.split.train, scored, self.split.validation)

    @cached_property
    def halves(self) -> Halves:
        """What trains and what is scored, counted."""
        return Halves.of(self.corpus, self.split, self.validation_corpus, weights=self.weights)

    @property
    def examples_an_epoch(self) -> int:
        """Utterances that an epoch trains on, those counted twice that it hears twice; too long ones are among them."""
        return Repeats(self.split.train, self.corpus.source_numbers, list(self.weights.values())).examples

    def described(self) -> Data:
        """What fit.json and study.json say of the data."""
        spellings = sum(len(corpus.spellings) for corpus in self.corpora)
        values = {
            "synthetic": any(corpus.synthetic for corpus in self.corpora),
            "train_utterances": len(self.split.train),
            "validation_utterances": len(self.split.validation),
            **self._described_sources(),
            **self.split.as_dict(),
            **self.shared.as_dict(),
            **({"children_in_several_spellings": spellings} if spellings else {}),
            **({"children_not_known": True} if self._children_not_known else {}),
            **self._described_also(),
            "data_sha256": hashlib.sha256(self.listing.encode()).hexdigest(),
        }
        return cast("Data", values)

    @property
    def _children_not_known(self) -> bool:
        """Whether an import took utterances for children of their own."""
        return any(corpus.problems.noted[Kind.CHILD_NOT_KNOWN] for corpus in self.corpora)

    def write_listing(self, folder: Path) -> None:
        """Write data.jsonl, which tells what differs should the data ever be others; `data_sha256` is its own."""
        path, listed = folder / DATA_FILE, self.listing.encode()
        # Its size first: hashing what was blown up to gigabytes would take minutes.
        same_size = path.is_file() and path.stat().st_size == len(listed)
        if not same_size or sha256_of(path) != hashlib.sha256(listed).hexdigest():
            write_text(path, self.listing)

    @classmethod
    def opened(cls, where: Whereabouts) -> Self:
        """The inputs that the driver prepared, in a worker."""
        corpus = open_corpora(where.corpora)
        validation = open_corpora(where.validation_corpora) if where.validation_corpora else None
        also = {name: open_corpus(folder) for name, folder in where.also_corpora.items()}
        return cls(corpus, validation, _split(corpus, validation, where.split), where, also=also)

    def _described_also(self) -> dict[str, Any]:
        """Of each further set how much there is, and what tells it from another."""
        told = {
            name: {
                "utterances": len(corpus),
                "children": len(set(corpus.child_ids)),
                "sha256": fingerprint(corpus),
            }
            for name, corpus in self.also.items()
        }
        return {"also": told} if told else {}

    def _described_sources(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            f"{name}_utterances_by_source": {source: clips for source, (clips, _) in half.by_source.items()}
            for name, half in (("train", self.halves.train), ("validation", self.halves.validation))
            if half.by_source
        }
        if self.halves.train.by_source:
            told["children_in_several_sources"] = self.halves.children_in_several
            told["sounds_in_several_sources"] = self.halves.twice_heard
        return told


def inputs_of(config: Baseline, *, may_share: bool = False) -> Inputs:
    """Prepare the corpora, or find them prepared, and see that the weights are there.

    A validation manifest that shares children, ids or sound with training is refused, unless the configuration allows
    it, or `may_share` does: what was begun is not refused later.
    """
    data, sources = config.data, [
        *config.data.train_sources(), *config.data.validation_sources(), *config.evaluation.also_sources(),
    ]  # fmt: skip
    noise = config.augmentation.noise_folder
    looked_for: list[Callable[[], object]] = [partial(weights.check, config.model)]
    if noise is not None and not may_share:  # what was trained is scored without it
        looked_for.append(partial(noise_files, noise))
    _all_there([*looked_for, *(partial(manifest_path, one.manifest) for one in sources)])
    train, scored = (_prepared(sources, data) for sources in (data.train_sources(), data.validation_sources()))
    also = _prepared(config.evaluation.also_sources(), data)
    corpus, validation = join(train), join(scored) if scored else None
    where = Whereabouts(
        corpora={name: part.folder for name, part in train.items()},
        validation_corpora={name: part.folder for name, part in scored.items()},
        split=SplitRecipe(
            ratio=data.validation_ratio, seed=config.training.seed, stratify=data.stratify_by is not None
        ),
        also_corpora={name: part.folder for name, part in also.items()},
    )
    given = {source.name or "": source.weight for source in data.train_sources()}
    inputs = Inputs(corpus, validation, _split(corpus, validation, where.split), where, given, also)
    if may_share or data.allow_shared_children:
        return inputs
    for name, further in also.items():
        if both := shared(corpus, inputs.split.train, further, np.arange(len(further))):
            raise InputError(
                f"evaluation.also.{name}: {config.evaluation.also[name]}: shares {both} with data.train_manifest; "
                "leave them out of one of the two, or set data.allow_shared_children=true"
            )
    if validation is not None and inputs.shared:
        names = " and ".join(source.manifest for source in data.validation_sources())
        raise InputError(
            f"data.validation_manifest: {names}: shares {inputs.shared} with data.train_manifest; "
            "leave them out of one of the two, or set data.allow_shared_children=true, and every output says so"
        )
    return inputs


def _all_there(looked_for: Sequence[Callable[[], object]]) -> None:
    """Look for all of it: what is missing is told at once, a line each."""
    faults: list[InputError] = []
    for look in looked_for:
        try:
            look()
        except InputError as error:
            faults.append(error)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise InputError("\n".join(dict.fromkeys(map(str, faults))))


def _prepared(sources: Sequence[Named], data: DataSection) -> dict[str, PreparedCorpus]:
    """The corpus of each manifest, by its name. All of them are looked for before the first is prepared."""
    paths = {source.name or "": manifest_path(source.manifest) for source in sources}
    return {name: prepare(path, max_bad_share=data.max_bad_share) for name, path in paths.items()}


def _split(corpus: Corpus, validation: Corpus | None, recipe: SplitRecipe) -> Split:
    if validation is None:
        return split_by_child(corpus, ratio=recipe.ratio, seed=recipe.seed, stratify=recipe.stratify)
    return whole(corpus, validation)
