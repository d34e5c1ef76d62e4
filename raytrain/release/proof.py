"""An export, and clips in; what it hears beside what raytrain hears, or the first difference as the fault, out."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from raytrain.config.baseline import Audio, Baseline, Evaluation, Window
from raytrain.config.languages import rate_of
from raytrain.errors import Broken, InputError
from raytrain.release.ct2 import MOST_TOKENS, FasterWhisper, Quantization
from raytrain.release.merged import heard_as
from raytrain.release.proved import Conversion, Proof, Tool
from raytrain.results.word_errors import WordErrors
from raytrain.speech.corpus import Corpus
from raytrain.speech.scoring import score
from raytrain.training import precision as precisions
from raytrain.training.evaluation import decode, joined
from raytrain.whisper import weights
from raytrain.whisper.hearing import FULL_WINDOW_S, most_new_tokens
from raytrain.whisper.window import fitted_seconds

MOST_LOST = 0.002
"""How much WER a smaller number format may cost: 0.2 points."""
_BATCH = 8
_PLAIN = 8
"""Clips, at most, that faster-whisper hears without its sound being padded, too."""
_MOST_S = 120
"""Seconds of decoding after which a proof of the exported code makes do with the clips it has."""


def sample(corpus: Corpus, indices: Sequence[int], count: int, *, longest_s: float = math.inf) -> list[int]:
    """`count` of these clips up to `longest_s`: the shortest, the longest, and what lies evenly between by length."""
    fit = [index for index in indices if corpus.durations_s[index] <= longest_s]
    if not fit:
        raise InputError(f"--prove: no validation clip is of {longest_s:g} s or less, so nothing can be proved")
    ordered = sorted(fit, key=lambda index: (float(corpus.durations_s[index]), index))
    places = np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round().astype(int)
    return [ordered[place] for place in places]


def prove(
    model: Path,
    converted: Path,
    config: Baseline,
    corpus: Corpus,
    indices: Sequence[int],
    *,
    quantization: Quantization,
    say: Callable[[str], None],
) -> Proof:
    """Decode these clips by raytrain and by faster-whisper. Broken: the conversion hears otherwise than it may."""
    language = config.model.text_language()
    as_trained, ours = _own(model, config, corpus, indices, most=_most(config))
    theirs = heard_by_faster_whisper(converted, config, corpus, indices, say=say)
    proof = _compared(corpus, indices, ours, theirs, language=language, tool="faster-whisper")
    lost = quantization != "float32" and proof.theirs - proof.ours > MOST_LOST
    if lost or (quantization == "float32" and proof.differ):
        _refuse(proof, [corpus.utterance_ids[index] for index in indices], ours, theirs)
    places = range(0, len(indices), -(-len(indices) // _PLAIN))
    some = [indices[place] for place in places]
    plain = heard_by_faster_whisper(converted, config, corpus, some, padded=False, say=say)
    conversion = Conversion(
        numbers=quantization,
        as_trained=None if as_trained is None else _rate(corpus, indices, as_trained, language=language),
        plain_clips=len(some),
        plain=_rate(corpus, some, plain, language=language),
        padded=_rate(corpus, some, [theirs[place] for place in places], language=language),
    )
    return replace(proof, conversion=conversion)


def heard_by_faster_whisper(
    converted: Path,
    config: Baseline,
    corpus: Corpus,
    indices: Sequence[int],
    *,
    padded: bool = True,
    say: Callable[[str], None],
) -> list[str]:
    """What a conversion hears of these clips, each within the most tokens that raytrain allows it."""
    language = config.model.text_language()
    model = FasterWhisper(converted, language=language)
    texts = []
    for number, index in enumerate(indices, 1):
        bound = most_new_tokens(_fitted_s(config, float(corpus.durations_s[index])), language)
        texts.append(model.hear(corpus.audio(index), most_tokens=min(bound, _most(config)), padded=padded))
        if number % _BATCH == 0:
            say(f"{number} of {len(indices)} clips heard by faster-whisper{'' if padded else ', not padded'}")
    return texts


def prove_alone(
    weights_folder: Path,
    hear: Callable[[Sequence[np.ndarray]], list[str]],
    config: Baseline,
    corpus: Corpus,
    indices: Sequence[int],
    *,
    tool: Tool,
    most_s: float = _MOST_S,
    say: Callable[[str], None],
) -> Proof:
    """Decode these clips by raytrain with the weights of the run, and by the exported code. Broken: the texts differ.

    `hear` gets the sounds of as many of the clips, short and long ones alike, as raytrain decodes in `most_s`.
    """
    groups = -(-len(indices) // _BATCH)
    whisper = weights.load(heard_as(config.model, weights_folder), seed=0)
    started = time.monotonic()
    taken: list[int] = []
    ours: list[str] = []
    for first in range(groups):
        part = indices[first::groups]
        taken += part
        ours += _texts(whisper, config, corpus, part, window=whisper.trained_window, audio=config.audio)
        if len(taken) < len(indices):
            say(f"{len(taken)} of {len(indices)} clips heard by raytrain")
        if time.monotonic() - started > most_s:
            break
    del whisper  # its memory is needed by the other process
    say(f"{len(taken)} clips are heard by {tool}, alone in a process")
    theirs = hear([corpus.audio(index) for index in taken])
    proof = _compared(corpus, taken, ours, theirs, language=config.model.text_language(), tool=tool)
    if proof.differ:
        _refuse(proof, [corpus.utterance_ids[index] for index in taken], ours, theirs)
    return proof


def _compared(
    corpus: Corpus, indices: Sequence[int], ours: Sequence[str], theirs: Sequence[str], *, language: str, tool: Tool
) -> Proof:
    return Proof(
        tool=tool,
        clips=len(indices),
        differ=sum(one != other for one, other in zip(ours, theirs, strict=True)),
        ours=_rate(corpus, indices, ours, language=language),
        theirs=_rate(corpus, indices, theirs, language=language),
        rate=rate_of(language),
    )


def _rate(corpus: Corpus, indices: Sequence[int], texts: Sequence[str], *, language: str) -> float:
    pairs = zip(indices, texts, strict=True)
    return WordErrors.total(score(corpus.texts[index], text, language)[0] for index, text in pairs).wer


def _refuse(proof: Proof, ids: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> None:
    first = next(place for place in range(len(ids)) if ours[place] != theirs[place])
    raise Broken(
        f"the export is not kept: {proof.differ} of {proof.clips} transcripts by {proof.tool} differ, {proof.rate} "
        f"{proof.theirs:.4f} against {proof.ours:.4f}; first in {ids[first]}: {theirs[first]!r}, where raytrain hears "
        f"{ours[first]!r}"
    )


def _own(
    model: Path, config: Baseline, corpus: Corpus, indices: Sequence[int], *, most: int
) -> tuple[list[str] | None, list[str]]:
    """raytrain's greedy texts at the window a model was trained for, None where that is the full one, and at 30 s."""
    whisper = weights.load(heard_as(config.model, model), seed=0)
    # Clips over the largest fitted window would be heard in parts; faster-whisper hears them whole.
    whole = config.audio.model_copy(update={"max_window_s": FULL_WINDOW_S})
    full = _texts(whisper, config, corpus, indices, window="full", audio=whole, num_beams=1, most=most)
    window = whisper.trained_window
    if window == "full":
        return None, full
    as_trained = _texts(whisper, config, corpus, indices, window=window, audio=config.audio, num_beams=1, most=most)
    return as_trained, full


def _texts(
    whisper: weights.Whisper,
    config: Baseline,
    corpus: Corpus,
    indices: Sequence[int],
    *,
    window: Window,
    audio: Audio,
    num_beams: int | None = None,
    most: int | None = None,
) -> list[str]:
    """What raytrain hears, in float32 on the CPU as the others compute; with the beams and the most tokens of its
    predictions where no others are given."""
    heard = decode(
        whisper,
        corpus,
        indices,
        audio=audio,
        evaluation=Evaluation(num_beams=num_beams or config.prediction.num_beams, batch_size=_BATCH),
        window=window,
        precision=precisions.resolve("fp32", device=torch.device("cpu")),
        max_new_tokens=config.prediction.max_new_tokens if most is None else most,
    )
    return [joined(parts) for parts in heard]


def _most(config: Baseline) -> int:
    return min(config.prediction.max_new_tokens, MOST_TOKENS)


def _fitted_s(config: Baseline, seconds: float) -> float:
    update = {"window": "fitted", "max_window_s": FULL_WINDOW_S}
    return fitted_seconds(seconds, config.audio.model_copy(update=update))
