"""Scoring. In: a model, a corpus and which utterances. Out: Evaluated, word errors over all ranks, the same on each.

A clip's audio window and its limit of tokens never depend on the clips it is batched with: the WER is the same for
every evaluation.batch_size.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Protocol

import numpy as np
import torch

from raytrain.config.baseline import Audio, Evaluation, Window
from raytrain.results.transcripts import Scored
from raytrain.results.word_errors import WordErrors
from raytrain.speech.audio import SAMPLE_RATE
from raytrain.speech.corpus import Corpus
from raytrain.speech.log_mel import Sounds, log_mel_of, side_by_side
from raytrain.speech.scoring import scored_row
from raytrain.training.advance import in_advance
from raytrain.training.distributed import gather, rank, run_on_all_or_none, world_size
from raytrain.training.precision import Precision
from raytrain.whisper.decoding import Emitted, transcribe, transcribe_together
from raytrain.whisper.hearing import most_new_tokens, parts, without_babble
from raytrain.whisper.variants import MAX_TARGET_POSITIONS
from raytrain.whisper.weights import Whisper
from raytrain.whisper.window import fitted_seconds, frames


class Clips(Protocol):
    """What can be decoded: a prepared corpus, or whatever else has sound."""

    durations_s: np.ndarray
    """Seconds of each clip."""

    def audio(self, index: int) -> np.ndarray:
        """A clip's sound: float32 in [-1, 1), mono, at 16 kHz."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The word errors of an evaluation."""

    word_errors: WordErrors
    """The counts over all utterances: of words, or of characters where the language writes no spaces."""
    by_age_bucket: dict[str, WordErrors]
    """The counts of each age bucket that occurs."""
    by_source: dict[str, WordErrors]
    """The counts of each manifest that the utterances are of, where they are of several."""
    character_errors: WordErrors
    """The counts over all utterances in characters, whatever the language."""
    text_language: str
    """The code of the language that the texts were scored as."""
    utterances: list[Scored]
    """A row for each utterance, in the order they were asked for: ids, reference, hypothesis, edit counts."""
    babbled: int
    """Clips in which more words were heard than can be said in their time."""


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


@dataclass(frozen=True, slots=True)
class Heard:
    """What was made of a clip, or of one of the parts of a long one."""

    start: int
    end: int
    """The part, in samples at 16 kHz."""
    text: str
    babbled: bool
    """Whether words were cut off that nobody can have said in this time."""


def evaluate(
    whisper: Whisper,
    corpus: Corpus,
    indices: Sequence[int] | np.ndarray,
    *,
    audio: Audio,
    evaluation: Evaluation,
    window: Window,
    precision: Precision,
    max_new_tokens: int = MAX_TARGET_POSITIONS,
    before_batch: Callable[[], None] = lambda: None,
) -> Evaluated:
    """Transcribe and score these utterances: `decode`, and the errors of what it heard."""
    indices = [int(index) for index in indices]
    heard = decode(
        whisper,
        corpus,
        indices,
        audio=audio,
        evaluation=evaluation,
        window=window,
        precision=precision,
        max_new_tokens=max_new_tokens,
        before_batch=before_batch,
    )
    return _scored(corpus, indices, heard, whisper.text_language)


def decode(
    whisper: Whisper,
    clips: Clips,
    indices: Sequence[int],
    *,
    audio: Audio,
    evaluation: Evaluation,
    window: Window,
    precision: Precision,
    max_new_tokens: int = MAX_TARGET_POSITIONS,
    before_batch: Callable[[], None] = lambda: None,
    progress: Callable[[float], None] = lambda seconds: None,
) -> list[list[Heard]]:
    """The parts of each of these clips, in this order; each rank decodes a share, and all get the whole. The model is
    left in training mode or not, as it was. A part may take as many tokens as can be said in its time, and
    `max_new_tokens` at most. What `before_batch` raises on the only rank there is ends it. `progress` is called with
    the seconds of sound that this rank has heard."""
    decoder = _Decoder(whisper, clips, audio, window, precision, evaluation.num_beams, max_new_tokens)
    pieces = [piece for index in indices for piece in decoder.pieces(index)]
    batched = _alike_together if evaluation.num_beams == 1 else _one_window_each
    batches = batched(pieces, evaluation.batch_size)[rank() :: world_size()]
    was_training = whisper.model.training
    whisper.model.eval()

    def mine() -> list[tuple[int, Heard]]:
        rows: list[tuple[int, Heard]] = []
        samples = 0
        # What a GPU hears next is put side by side while it decodes.
        depth = 1 if precision.device.type == "cuda" else 0
        with closing(in_advance(decoder.sounds, batches, depth=depth)) as prepared:
            for batch, sounds in prepared:
                before_batch()
                rows += decoder.decode(batch, sounds())
                samples += sum(piece.end - piece.start for piece in batch)
                progress(samples / SAMPLE_RATE)
        return rows

    try:
        heard = run_on_all_or_none(
            mine, doing=f"scoring, {evaluation.batch_size} clips at once", device=precision.device
        )
    finally:
        whisper.model.train(was_training)
    by_clip: dict[int, list[Heard]] = defaultdict(list)
    for index, part in gather(heard):
        by_clip[index].append(part)
    return [sorted(by_clip[index], key=attrgetter("start")) for index in indices]


def joined(parts: list[Heard]) -> str:
    """The text of a clip's parts."""
    return " ".join(part.text for part in parts if part.text)


@dataclass(frozen=True, slots=True)
class _Decoder:
    """Decodes pieces of clips with one model."""

    whisper: Whisper
    clips: Clips
    audio: Audio
    window: Window
    precision: Precision
    num_beams: int
    max_new_tokens: int

    def pieces(self, index: int) -> list[_Piece]:
        """A clip, or the parts of one that is too long for the window."""
        length = round(float(self.clips.durations_s[index]) * SAMPLE_RATE)
        longest_s = self.audio.max_window_s
        # The sound is read only where it has to be cut.
        cut = [(0, length)] if length <= longest_s * SAMPLE_RATE else parts(self.clips.audio(index), longest_s)
        return [self._piece(index, start, end) for start, end in cut]

    def _piece(self, index: int, start: int, end: int) -> _Piece:
        seconds = (end - start) / SAMPLE_RATE
        fitted_s, window_s = (
            fitted_seconds(seconds, self.audio.model_copy(update={"window": window}))
            for window in ("fitted", self.window)
        )
        most = most_new_tokens(fitted_s, self.whisper.text_language)
        return _Piece(index, start, end, window_s, min(most, self.max_new_tokens))

    def sounds(self, batch: list[_Piece]) -> list[Sounds]:
        """The pieces of each window, in the order of the batch."""
        return [self._side_by_side(list(pieces)) for _, pieces in groupby(batch, key=attrgetter("window_s"))]

    def decode(self, batch: list[_Piece], sounds: list[Sounds]) -> list[tuple[int, Heard]]:
        """Of each piece its clip, and what was heard in it."""
        model, device, condensed = self.whisper.model, self.precision.device, self.window == "condensed"
        with torch.no_grad():
            mels = [
                log_mel_of(window.on(device), num_mel_bins=model.config.num_mel_bins).to(model.dtype)
                for window in sounds
            ]
        with torch.no_grad(), self.precision.autocast():
            if self.num_beams == 1:
                limits = [piece.max_new_tokens for piece in batch]
                rows = transcribe_together(self.whisper, mels, limits, condensed=condensed)
            else:
                (mel,), most = mels, batch[0].max_new_tokens
                rows = transcribe(self.whisper, mel, num_beams=self.num_beams, max_new_tokens=most, condensed=condensed)
        return [(piece.index, self._heard(piece, row)) for piece, row in zip(batch, rows, strict=True)]

    def _side_by_side(self, pieces: list[_Piece]) -> Sounds:
        sounds = [self.clips.audio(piece.index)[piece.start : piece.end] for piece in pieces]
        return side_by_side(sounds, frames=frames(pieces[0].window_s), pinned=self.precision.device.type == "cuda")

    def _heard(self, piece: _Piece, row: Emitted) -> Heard:
        text = self.whisper.tokenizer.decode(row.tokens, skip_special_tokens=True).strip()
        seconds = (piece.end - piece.start) / SAMPLE_RATE
        kept = without_babble(text, seconds, ended=row.ended, language=self.whisper.text_language)
        return Heard(piece.start, piece.end, kept, babbled=kept != text)


def _alike_together(pieces: list[_Piece], batch_size: int) -> list[list[_Piece]]:
    """Few windows and limits in each batch."""
    ordered = sorted(pieces, key=attrgetter("window_s", "max_new_tokens"))
    return [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]


def _one_window_each(pieces: list[_Piece], batch_size: int) -> list[list[_Piece]]:
    groups: dict[tuple[float, int], list[_Piece]] = defaultdict(list)
    for piece in pieces:
        groups[piece.window_s, piece.max_new_tokens].append(piece)
    return [
        groups[key][start : start + batch_size]
        for key in sorted(groups)
        for start in range(0, len(groups[key]), batch_size)
    ]


def _scored(corpus: Corpus, indices: list[int], heard: list[list[Heard]], language: str) -> Evaluated:
    by_age_bucket: dict[str, WordErrors] = defaultdict(WordErrors)
    by_source: dict[str, WordErrors] = defaultdict(WordErrors)
    character_errors = WordErrors()
    utterances: list[Scored] = []
    for index, parts_heard in zip(indices, heard, strict=True):
        row, errors, in_characters = scored_row(corpus, index, joined(parts_heard), language)
        by_age_bucket[row["age_bucket"]] += errors
        character_errors += in_characters
        source = corpus.source(index)
        if source is not None:
            by_source[source] += errors
            row["source"] = source
        utterances.append(row)
    return Evaluated(
        WordErrors.total(by_age_bucket.values()),
        dict(sorted(by_age_bucket.items())),
        {name: by_source[name] for name in corpus.source_names if name in by_source},
        character_errors,
        language,
        utterances,
        sum(any(part.babbled for part in one) for one in heard),
    )
