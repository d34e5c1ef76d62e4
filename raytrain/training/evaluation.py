"""Scoring. In: a model, a corpus and which utterances. Out: Evaluated, word errors over all ranks, the same on each.

A clip's audio window and its limit of tokens never depend on the clips it is batched with, and a batch holds one
window: the WER is the same for every evaluation.batch_size.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch

from raytrain.config.baseline import Audio, Evaluation
from raytrain.results.transcripts import Scored
from raytrain.results.word_errors import WordErrors
from raytrain.speech.audio import SAMPLE_RATE
from raytrain.speech.corpus import Corpus
from raytrain.speech.log_mel import log_mel
from raytrain.speech.scoring import score
from raytrain.training.distributed import gather, rank, run_on_all_or_none, world_size
from raytrain.training.precision import Precision
from raytrain.whisper.decoding import transcribe
from raytrain.whisper.labels import most_new_tokens
from raytrain.whisper.variants import MAX_TARGET_POSITIONS
from raytrain.whisper.weights import Whisper
from raytrain.whisper.window import fitted_seconds, frames


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The word errors of an evaluation."""

    word_errors: WordErrors
    """The counts over all utterances: of words, or of characters where the language writes no spaces."""
    by_age_bucket: dict[str, WordErrors]
    """The counts of each age bucket that occurs."""
    character_errors: WordErrors
    """The counts over all utterances in characters, whatever the language."""
    text_language: str
    """The code of the language that the texts were scored as."""
    utterances: list[Scored]
    """A row for each utterance, in the order they were asked for: ids, reference, hypothesis, edit counts."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one row of a batch decodes: a clip, or one of the consecutive parts of a clip too long for the window."""

    index: int
    """The utterance's place in the corpus."""
    start: int
    """The first sample."""
    end: int
    """One past the last sample."""
    window_s: float
    max_new_tokens: int


def evaluate(
    whisper: Whisper,
    corpus: Corpus,
    indices: Sequence[int] | np.ndarray,
    *,
    audio: Audio,
    evaluation: Evaluation,
    window: Literal["full", "fitted"],
    precision: Precision,
    max_new_tokens: int | None = None,
    before_batch: Callable[[], None] = lambda: None,
) -> Evaluated:
    """Transcribe and score these utterances; each rank decodes a share. The model is left in training mode or not, as
    it was. Where no limit of new tokens is given, it is a little over the longest reference. What `before_batch` raises
    on the only rank there is ends it."""
    indices = [int(index) for index in indices]
    audio = audio.model_copy(update={"window": window})
    whole = max_new_tokens or most_new_tokens(_longest_reference(whisper, corpus, indices, audio.max_window_s))
    part = max_new_tokens or MAX_TARGET_POSITIONS
    pieces = [piece for index in indices for piece in _pieces(corpus, index, audio, whole=whole, part=part)]
    batches = _one_window_each(pieces, evaluation.batch_size)[rank() :: world_size()]
    was_training = whisper.model.training
    whisper.model.eval()
    try:
        mine = run_on_all_or_none(
            lambda: [
                row
                for batch in batches
                for row in _decode(whisper, corpus, batch, evaluation.num_beams, precision, before_batch)
            ],
            doing=f"scoring, {evaluation.batch_size} clips at once",
            device=precision.device,
        )
    finally:
        whisper.model.train(was_training)
    texts: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for index, start, text in gather(mine):
        texts[index].append((start, text))
    hypotheses = {index: " ".join(text for _, text in sorted(parts) if text) for index, parts in texts.items()}
    return _scored(corpus, indices, hypotheses, whisper.text_language)


def _longest_reference(whisper: Whisper, corpus: Corpus, indices: list[int], longest_s: float) -> int:
    """Tokens of the longest reference of a clip that is decoded whole, since a story of twenty minutes must not let
    short clips babble."""
    clips = (index for index in indices if corpus.durations_s[index] <= longest_s)
    texts = [corpus.texts[index].replace("<|", "< |") for index in clips]  # typed, a special token is letters
    return max(map(len, whisper.tokenizer(texts, add_special_tokens=False)["input_ids"])) if texts else 0


def _pieces(corpus: Corpus, index: int, audio: Audio, *, whole: int, part: int) -> list[_Piece]:
    """The fewest equal parts that fit the longest window: equal, so that none is a sliver of a word.

    `whole` and `part` are the most new tokens of a clip decoded whole and of each part of a longer one.
    """
    duration_s = float(corpus.durations_s[index])
    samples = round(duration_s * SAMPLE_RATE)
    parts = max(1, math.ceil(duration_s / audio.max_window_s))
    cuts = [samples * part // parts for part in range(parts + 1)]
    window_s = fitted_seconds(duration_s / parts, audio)
    tokens = whole if parts == 1 else part
    return [_Piece(index, start, end, window_s, tokens) for start, end in pairwise(cuts)]


def _one_window_each(pieces: list[_Piece], batch_size: int) -> list[list[_Piece]]:
    groups: dict[tuple[float, int], list[_Piece]] = defaultdict(list)
    for piece in pieces:
        groups[piece.window_s, piece.max_new_tokens].append(piece)
    return [
        groups[key][start : start + batch_size]
        for key in sorted(groups)
        for start in range(0, len(groups[key]), batch_size)
    ]


def _decode(
    whisper: Whisper,
    corpus: Corpus,
    batch: list[_Piece],
    num_beams: int,
    precision: Precision,
    before: Callable[[], None],
) -> list[tuple[int, int, str]]:
    before()
    clips = [corpus.audio(piece.index)[piece.start : piece.end] for piece in batch]
    mel = log_mel(clips, frames=frames(batch[0].window_s), num_mel_bins=whisper.model.config.num_mel_bins)
    with torch.no_grad(), precision.autocast():
        tokens = transcribe(
            whisper,
            mel.to(precision.device, whisper.model.dtype),
            num_beams=num_beams,
            max_new_tokens=batch[0].max_new_tokens,
        )
    texts = (whisper.tokenizer.decode(row, skip_special_tokens=True).strip() for row in tokens)
    return [(piece.index, piece.start, text) for piece, text in zip(batch, texts, strict=True)]


def _scored(corpus: Corpus, indices: list[int], hypotheses: dict[int, str], language: str) -> Evaluated:
    by_age_bucket: dict[str, WordErrors] = defaultdict(WordErrors)
    character_errors = WordErrors()
    utterances: list[Scored] = []
    for index in indices:
        reference, bucket = corpus.texts[index], corpus.age_buckets[index]
        errors, in_characters = score(reference, hypotheses[index], language)
        by_age_bucket[bucket] += errors
        character_errors += in_characters
        utterances.append(
            {
                "utterance_id": corpus.utterance_ids[index],
                "child_id": corpus.child_ids[index],
                "age_bucket": bucket,
                "duration_s": round(float(corpus.durations_s[index]), 3),
                "reference": reference,
                "hypothesis": hypotheses[index],
                "substitutions": errors.substitutions,
                "deletions": errors.deletions,
                "insertions": errors.insertions,
                "hits": errors.hits,
                "character_edits": in_characters.edits,
                "characters": in_characters.reference_words,
            }
        )
    return Evaluated(
        WordErrors.total(by_age_bucket.values()),
        dict(sorted(by_age_bucket.items())),
        character_errors,
        language,
        utterances,
    )
