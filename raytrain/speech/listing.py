"""What trains and what is scored, as text in; what differs between two such listings, in words, out.

A line an utterance, in the order of the corpora: its id, child, age bucket and half, and digests of transcript and
sound. The text's sha256 stands for the data: nothing that a run learns from or is scored on changes without it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from raytrain.speech.apart import counted
from raytrain.speech.corpus import Corpus
from raytrain.speech.split import Split

TRAIN, VALIDATION = "train", "validation"
_DIGEST_BYTES = 8


class Listed(NamedTuple):
    """One utterance, a line of a listing."""

    utterance_id: str
    child_id: str
    age_bucket: str
    half: str
    text: str
    """A digest of the transcript."""
    sound: str
    """A digest of the samples."""

    @classmethod
    def read(cls, line: str) -> Self:
        return cls(*json.loads(line))


def listing(corpus: Corpus, validation: Corpus | None, split: Split) -> str:
    """All utterances of both corpora, or of the one that is split."""
    if validation is None:
        halves = np.full(len(corpus), TRAIN, dtype=object)
        halves[split.validation] = VALIDATION
        lines = _lines(corpus, halves)
    else:
        ours, theirs = ([half] * len(one) for half, one in ((TRAIN, corpus), (VALIDATION, validation)))
        lines = (line for one, halves in ((corpus, ours), (validation, theirs)) for line in _lines(one, halves))
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def fingerprint(corpus: Corpus) -> str:
    """What tells a corpus from another: the sha256 of all its lines."""
    lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in _lines(corpus, [VALIDATION] * len(corpus)))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def difference(then: str, now: str, *, two_corpora: bool) -> str:
    """What differs, in words: utterances gone and more, transcripts, sound, children, halves, or the order alone."""
    before, after = (_by_id(text, two_corpora) for text in (then, now))
    kept = [(before[key], after[key]) for key in before.keys() & after.keys()]
    renamed = _renamed(kept)
    given_away = [(a, b) for a, b in kept if a.child_id != b.child_id and a.child_id not in renamed]
    children_gone, children_more = (
        sorted({line.child_id for line in one.values()} - {line.child_id for line in other.values()})
        for one, other in ((before, after), (after, before))
    )
    new_names = set(renamed.values())
    parts = [
        (_ids(before[key] for key in before if key not in after), "utterance is gone", "utterances are gone"),
        (_ids(after[key] for key in after if key not in before), "utterance more", "utterances more"),
        ([child for child in children_gone if child not in renamed], "child is gone", "children are gone"),
        ([child for child in children_more if child not in new_names], "child more", "children more"),
        ([f"{old} is {new}" for old, new in renamed.items()], "child is renamed", "children are renamed"),
        (_ids(b for _, b in given_away), "utterance is another child's", "utterances are another child's"),
        (_changed(kept, "text"), "transcript is edited", "transcripts are edited"),
        (_changed(kept, "sound"), "utterance sounds otherwise", "utterances sound otherwise"),
        (_changed(kept, "age_bucket"), "age bucket is another", "age buckets are others"),
        (_changed(kept, "half"), "utterance would change halves", "utterances would change halves"),
    ]
    told = [counted(names, one, many) for names, one, many in parts if names]
    return ", ".join(told) or "the utterances are in another order"


def _lines(corpus: Corpus, halves: Sequence[str] | np.ndarray) -> Iterator[Listed]:
    texts = (hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest() for text in corpus.texts)
    columns = (corpus.utterance_ids, corpus.child_ids, corpus.age_buckets, halves, texts, corpus.sound_digests)
    return map(Listed, *columns)


def _by_id(text: str, two_corpora: bool) -> dict[tuple[str, str], Listed]:
    """By id: within a manifest no two utterances share one, while two manifests may."""
    lines = [Listed.read(line) for line in text.split("\n")[:-1]]  # ids may hold what splitlines takes for an end
    return {(line.half if two_corpora else "", line.utterance_id): line for line in lines}


def _renamed(kept: Sequence[tuple[Listed, Listed]]) -> Mapping[str, str]:
    """Children whose utterances all went to one that was not there before."""
    old, new = {a.child_id for a, _ in kept}, {b.child_id for _, b in kept}
    pairs = {(a.child_id, b.child_id) for a, b in kept if a.child_id not in new and b.child_id not in old}
    names = Counter(a for a, _ in pairs)
    return {a: b for a, b in sorted(pairs) if names[a] == 1}


def _changed(kept: Sequence[tuple[Listed, Listed]], name: str) -> list[str]:
    return _ids(after for before, after in kept if getattr(before, name) != getattr(after, name))


def _ids(lines: Iterator[Listed]) -> list[str]:
    return [line.utterance_id for line in lines]
