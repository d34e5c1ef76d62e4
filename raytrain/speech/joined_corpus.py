"""Prepared corpora by the names of their sources in; one corpus of them all, in that order, out. Nothing is copied."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.speech.corpus import Corpus, PreparedCorpus, open_corpus
from raytrain.speech.problems import Tally


class JoinedCorpus(Corpus):
    """The corpora of several manifests as one.

    An utterance is SOURCE/ID, so that equal ids of two sources are two utterances. A child whose id is in two sources
    is one child.
    """

    def __init__(self, parts: Mapping[str, PreparedCorpus]) -> None:
        super().__init__(_joined_table([part.table for part in parts.values()]))
        self.folders = {name: part.folder for name, part in parts.items()}
        """Where the corpus of each source lies."""
        self.source_names = tuple(parts)
        self.source_numbers = np.repeat(np.arange(len(parts)), [len(part) for part in parts.values()])
        self.utterance_ids = [f"{name}/{own_id}" for name, part in parts.items() for own_id in part.own_ids]
        self.synthetic = any(part.synthetic for part in parts.values())
        self.problems = sum((part.problems for part in parts.values()), Tally())

    @cached_property
    def twice_heard(self) -> list[int]:
        """The utterances whose very samples are in another of its manifests, too. Digital silence is nobody's."""
        return [index for index in in_several(self.sound_digests, self.source_numbers) if self.audio(index).any()]

    def __reduce__(self) -> tuple[Callable[[Mapping[str, Path]], Corpus], tuple[Mapping[str, Path]]]:
        return open_corpora, (self.folders,)  # another process maps the same files


def join(parts: Mapping[str, PreparedCorpus]) -> Corpus:
    """These corpora as one; of one alone itself."""
    return next(iter(parts.values())) if len(parts) == 1 else JoinedCorpus(parts)


def open_corpora(folders: Mapping[str, Path]) -> Corpus:
    """The corpora in these folders as one, by the names of their sources."""
    return join({name: open_corpus(folder) for name, folder in folders.items()})


def in_several(things: Sequence[str], sources: Iterable[int]) -> list[int]:
    """The places of those that occur in more than one source."""
    sources_of: dict[str, set[int]] = defaultdict(set)
    for thing, source in zip(things, sources, strict=True):
        sources_of[thing].add(int(source))
    return [place for place, thing in enumerate(things) if len(sources_of[thing]) > 1]


def _joined_table(tables: Sequence[Any]) -> Any:
    # Imported here: it takes a second or two, and a typo in a configuration shall show sooner.
    from datasets import Dataset, concatenate_datasets

    return concatenate_datasets([Dataset(table) for table in tables]).data
