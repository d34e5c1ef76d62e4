"""Where a transcript went wrong: reference and hypothesis in, their words aligned or marked out."""

import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import jiwer

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_KINDS: dict[str, Literal["same", "left_out", "put_in", "taken_for"]] = {
    "equal": "same", "delete": "left_out", "insert": "put_in", "substitute": "taken_for",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlignedWord:
    """A word that was heard right, or one that was left out, put in, or taken for another."""

    kind: Literal["same", "left_out", "put_in", "taken_for"]
    reference: str = ""
    hypothesis: str = ""


def aligned(reference: str, hypothesis: str) -> list[AlignedWord]:
    """The fewest edits from reference to hypothesis, a word at a time; case and punctuation aside."""
    said, heard = _WORD.findall(reference), _WORD.findall(hypothesis)
    counted = jiwer.process_words(*(" ".join(words).casefold() for words in (said, heard)))
    return [
        AlignedWord(_KINDS[chunk.type], *pair)
        for chunk in counted.alignments[0]
        for pair in zip_longest(
            said[chunk.ref_start_idx : chunk.ref_end_idx], heard[chunk.hyp_start_idx : chunk.hyp_end_idx], fillvalue=""
        )
    ]


def marked(reference: str, hypothesis: str, *, left_out: str, put_in: str) -> str:
    """The hypothesis with its edits marked; `left_out` and `put_in` are how, as in "[-{}-]" and "~~{}~~"."""
    words = []
    for word in aligned(reference, hypothesis):
        if word.kind == "same":
            words.append(word.hypothesis)
            continue
        words += [left_out.format(word.reference)] * bool(word.reference)
        words += [put_in.format(word.hypothesis)] * bool(word.hypothesis)
    return " ".join(words)
