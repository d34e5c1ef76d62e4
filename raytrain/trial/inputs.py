"""What a run needs before a cluster is worth starting: a baseline in; its prepared corpora, split and weights out.

Done in the driver, so that bad input is reported at once and the corpus is prepared once for all trials.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from raytrain.config.baseline import Baseline
from raytrain.errors import InputError
from raytrain.speech.corpus import Corpus, open_corpus, prepare
from raytrain.speech.manifest import manifest_path
from raytrain.speech.split import Split, split_by_child
from raytrain.whisper import weights


@dataclass(frozen=True, kw_only=True)
class SplitRecipe:
    """How a corpus is split into training and validation: a function of these three, the same in every process."""

    ratio: float
    seed: int
    stratify: bool


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """Where a worker finds the inputs that the driver has prepared."""

    corpus: Path
    validation_corpus: Path | None
    split: SplitRecipe


@dataclass(frozen=True)
class Inputs:
    """Prepared corpora and their split, at hand."""

    corpus: Corpus
    validation_corpus: Corpus | None
    """None: validation is a part of `corpus`."""
    split: Split
    whereabouts: Whereabouts

    @property
    def corpora(self) -> list[Corpus]:
        """All that a run reads, to train on and to score."""
        return [self.corpus, *([self.validation_corpus] if self.validation_corpus is not None else [])]

    def described(self) -> dict[str, Any]:
        """What fit.json and study.json say of the data."""
        return {
            "synthetic": any(corpus.synthetic for corpus in self.corpora),
            "train_utterances": len(self.split.train),
            "validation_utterances": len(self.split.validation),
            **self.split.as_dict(),
        }

    @classmethod
    def opened(cls, where: Whereabouts) -> Self:
        """The inputs that the driver prepared, in a worker."""
        corpus = open_corpus(where.corpus)
        validation = None if where.validation_corpus is None else open_corpus(where.validation_corpus)
        return cls(corpus, validation, _split(corpus, validation, where.split), where)


def inputs_of(config: Baseline) -> Inputs:
    """Prepare the corpora, or find them prepared, and see that the weights are there."""
    if "://" in config.storage:
        raise InputError(f"storage: {config.storage}: runs are kept in folders; name one that every node can reach")
    weights.check(config.model)
    data = config.data
    corpus = prepare(manifest_path(data.train_manifest), max_bad_share=data.max_bad_share)
    validation = None
    if data.validation_manifest is not None:
        validation = prepare(manifest_path(data.validation_manifest), max_bad_share=data.max_bad_share)
    where = Whereabouts(
        corpus=corpus.folder,
        validation_corpus=None if validation is None else validation.folder,
        split=SplitRecipe(
            ratio=data.validation_ratio, seed=config.training.seed, stratify=data.stratify_by is not None
        ),
    )
    return Inputs(corpus, validation, _split(corpus, validation, where.split), where)


def _split(corpus: Corpus, validation: Corpus | None, recipe: SplitRecipe) -> Split:
    if validation is None:
        return split_by_child(corpus, ratio=recipe.ratio, seed=recipe.seed, stratify=recipe.stratify)
    return Split(
        train=np.arange(len(corpus)),
        validation=np.arange(len(validation)),
        train_children=tuple(sorted(set(corpus.child_ids))),
        validation_children=tuple(sorted(set(validation.child_ids))),
        description={"validation": "a manifest of its own"},
    )
