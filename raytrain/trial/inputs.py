"""What a run needs before a cluster is worth starting: a baseline in; its prepared corpora, split and weights out.

Done in the driver, so that bad input is told at once and the corpus is prepared once for all trials.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from raytrain.config.baseline import Baseline
from raytrain.errors import InputError
from raytrain.speech.corpus import Corpus, open_corpus, prepare
from raytrain.speech.manifest import manifest_path
from raytrain.speech.split import Split, split_by_child
from raytrain.whisper import weights


@dataclass(frozen=True)
class Inputs:
    """Checked and at hand. The split is a function of the corpus and its three settings, the same in every process."""

    corpus: Corpus
    validation_corpus: Corpus | None
    """None: validation is a part of `corpus`."""
    split: Split

    @property
    def train_utterances(self) -> int:
        return len(self.split.train)

    @property
    def corpora(self) -> list[Corpus]:
        """All that a run reads, to train on and to score."""
        return [self.corpus, *([self.validation_corpus] if self.validation_corpus is not None else [])]

    @property
    def synthetic(self) -> bool:
        return any(corpus.synthetic for corpus in self.corpora)

    def described(self) -> dict[str, Any]:
        """What fit.json and study.json say of the data."""
        return {
            "synthetic": self.synthetic,
            "train_utterances": len(self.split.train),
            "validation_utterances": len(self.split.validation),
            **self.split.as_dict(),
        }

    @classmethod
    def opened(cls, where: dict[str, Any]) -> Self:
        """In a worker, from what `whereabouts` told in the driver."""
        corpus = open_corpus(where["corpus"])
        validation = open_corpus(where["validation_corpus"]) if where["validation_corpus"] is not None else None
        return cls(corpus, validation, _split(corpus, validation, **where["split"]))


def inputs_of(config: Baseline) -> tuple[Inputs, dict[str, Any]]:
    """Prepare the corpora, or find them prepared, and see that the weights are there; and their whereabouts."""
    if "://" in config.storage:
        raise InputError(f"storage: {config.storage}: runs are kept in folders; name one that every node can reach")
    weights.check(config.model)
    data = config.data
    corpus = prepare(manifest_path(data.train_manifest), max_bad_share=data.max_bad_share)
    validation = None
    if data.validation_manifest is not None:
        validation = prepare(manifest_path(data.validation_manifest), max_bad_share=data.max_bad_share)
    how: dict[str, Any] = {
        "ratio": data.validation_ratio,
        "seed": config.training.seed,
        "stratify": data.stratify_by is not None,
    }
    where = {
        "corpus": str(corpus.folder),
        "validation_corpus": str(validation.folder) if validation is not None else None,
        "split": how,
    }
    return Inputs(corpus, validation, _split(corpus, validation, **how)), where


def _split(corpus: Corpus, validation: Corpus | None, *, ratio: float, seed: int, stratify: bool) -> Split:
    if validation is None:
        return split_by_child(corpus, ratio=ratio, seed=seed, stratify=stratify)
    return Split(
        train=np.arange(len(corpus)),
        validation=np.arange(len(validation)),
        train_children=tuple(sorted(set(corpus.child_ids))),
        validation_children=tuple(sorted(set(validation.child_ids))),
        description={"validation": "a manifest of its own"},
    )
