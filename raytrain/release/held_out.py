"""Test manifests in; their prepared corpora as one set of utterances, and the rows that what was heard scores, out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from raytrain.errors import InputError
from raytrain.results.transcripts import Scored
from raytrain.speech.apart import counted
from raytrain.speech.corpus import PreparedCorpus, prepare
from raytrain.speech.manifest import has_transcripts, manifest_path
from raytrain.speech.progress_bar import ProgressCallback
from raytrain.speech.scoring import scored_row


@dataclass(frozen=True)
class HeldOut:
    """One or more test manifests, prepared."""

    corpora: dict[str, PreparedCorpus]
    """By source: the manifest's name."""
    has_texts: bool
    """Whether there are transcripts to score against."""

    @cached_property
    def utterance_ids(self) -> list[str]:
        return [utterance_id for corpus in self.corpora.values() for utterance_id in corpus.utterance_ids]

    @cached_property
    def children(self) -> list[str]:
        """Each child once."""
        return sorted({child for corpus in self.corpora.values() for child in corpus.child_ids})

    def __len__(self) -> int:
        return sum(map(len, self.corpora.values()))

    @property
    def hours(self) -> float:
        return sum(float(corpus.durations_s.sum(dtype=float)) for corpus in self.corpora.values()) / 3600

    def caveats(self) -> list[str]:
        """What a reader of any figure on these utterances must know first."""
        found = []
        for source, corpus in self.corpora.items():
            if corpus.synthetic:
                found.append("The test data are synthetic (the demo corpus): they say nothing about real children.")
            if corpus.problems.num_left_out:
                found.append(f"{source}: {corpus.problems.describe()}; what was left out is not scored.")
            if corpus.spellings:
                number = len(corpus.spellings)
                found.append(f"Children whose id is spelled in several ways: {number}; each is taken for one child.")
        return found

    def rows(self, heard: Mapping[str, str], *, language: str) -> Iterator[Scored]:
        """A row for each utterance, scored in this language; where nothing was heard, an empty hypothesis."""
        for source, corpus in self.corpora.items():
            for index, utterance_id in enumerate(corpus.utterance_ids):
                row, _, _ = scored_row(corpus, index, heard.get(utterance_id, ""), language)
                yield {**row, "session_id": corpus.session_ids[index], "source": source}


def prepared(manifests: Sequence[str], *, max_bad_share: float, progress: ProgressCallback) -> HeldOut:
    """Prepare the manifests, or find them prepared. With no transcript in any of them they are to be transcribed."""
    paths = [manifest_path(one) for one in manifests]
    if len(set(paths)) < len(paths):
        raise InputError("--manifest: one is named twice; leave it out once")
    texts = {path: has_transcripts(path) for path in paths}
    if any(texts.values()) and not all(texts.values()):
        bare = next(path for path in paths if not texts[path])
        raise InputError(f"{bare}: no line has a transcript, and those of another manifest have; score it on its own")
    has_texts = all(texts.values())
    corpora = {
        name: prepare(path, max_bad_share=max_bad_share, with_texts=has_texts, progress=progress)
        for path, name in zip(paths, _names(paths), strict=True)
    }
    held_out = HeldOut(corpora, has_texts)
    seen: set[str] = set()
    twice = [one for one in held_out.utterance_ids if one in seen or seen.add(one)]  # type: ignore[func-returns-value]
    if twice:
        what = counted(twice, "utterance id stands", "utterance ids stand")
        raise InputError(f"--manifest: {what} in two manifests; score them one by one")
    return held_out


def _names(paths: Sequence[Path]) -> list[str]:
    """As short as they may be with each another: the file's, its folder's with it, or the whole path."""
    for name in (lambda path: path.name, lambda path: f"{path.parent.name}/{path.name}", str):
        names = [name(path) for path in paths]
        if len(set(names)) == len(names):
            break
    return names
