"""A conversion, and clips in; what it hears beside what raytrain hears, or the first difference as the fault, out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from raytrain.config.baseline import Baseline, Evaluation
from raytrain.config.languages import rate_of
from raytrain.errors import Broken, InputError
from raytrain.release.ct2 import MOST_TOKENS, FasterWhisper, Quantization
from raytrain.release.proved import Proof
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


def sample(corpus: Corpus, indices: Sequence[int], count: int) -> list[int]:
    """`count` of these clips that fit 30 s: the shortest, the longest, and what lies evenly between them by length."""
    fit = [index for index in indices if corpus.durations_s[index] <= FULL_WINDOW_S]
    if not fit:
        raise InputError("--form ct2: no validation clip is of 30 s or less, so nothing can be proved")
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
    most = min(config.prediction.max_new_tokens, MOST_TOKENS)
    trained, fitted, ours = _own(model, config, corpus, indices, most=most)
    theirs_model = FasterWhisper(converted, language=language, num_beams=config.prediction.num_beams)
    theirs = []
    for number, index in enumerate(indices, 1):
        bound = most_new_tokens(_fitted_s(config, float(corpus.durations_s[index])), language)
        theirs.append(theirs_model.hear(corpus.audio(index), most_tokens=min(bound, most)))
        if number % _BATCH == 0:
            say(f"{number} of {len(indices)} clips proved")

    def rate(texts: Sequence[str]) -> float:
        pairs = zip(indices, texts, strict=True)
        return WordErrors.total(score(corpus.texts[index], text, language)[0] for index, text in pairs).wer

    proof = Proof(
        clips=len(indices),
        differ=sum(one != other for one, other in zip(ours, theirs, strict=True)),
        fitted=rate(fitted) if trained == "fitted" else None,
        ours=rate(ours),
        theirs=rate(theirs),
        rate=rate_of(language),
    )
    lost = quantization != "float32" and proof.theirs - proof.ours > MOST_LOST
    if lost or (quantization == "float32" and proof.differ):
        _refuse(proof, [corpus.utterance_ids[index] for index in indices], ours, theirs)
    return proof


def _refuse(proof: Proof, ids: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> None:
    first = next(place for place in range(len(ids)) if ours[place] != theirs[place])
    raise Broken(
        f"the conversion is not kept: {proof.differ} of {proof.clips} transcripts differ, {proof.rate} "
        f"{proof.theirs:.4f} against {proof.ours:.4f}; first in {ids[first]}: {theirs[first]!r}, where raytrain hears "
        f"{ours[first]!r}"
    )


def _own(
    model: Path, config: Baseline, corpus: Corpus, indices: Sequence[int], *, most: int
) -> tuple[Literal["full", "fitted"], list[str], list[str]]:
    """The window a model was trained for; raytrain's texts at that window, and at 30 s. In float32 on the CPU, as
    faster-whisper computes."""
    device = torch.device("cpu")
    whisper = weights.load(config.model.model_copy(update={"pretrained": str(model)}), seed=0)

    def texts(window: Literal["full", "fitted"]) -> list[str]:
        heard = decode(
            whisper,
            corpus,
            indices,
            # Clips over the largest fitted window would be heard in parts; faster-whisper hears them whole.
            audio=config.audio.model_copy(update={"max_window_s": FULL_WINDOW_S}) if window == "full" else config.audio,
            evaluation=Evaluation(num_beams=config.prediction.num_beams, batch_size=_BATCH),
            window=window,
            precision=precisions.resolve("fp32", device=device),
            max_new_tokens=most,
        )
        return [joined(parts) for parts in heard]

    full = texts("full")
    return whisper.trained_window, texts("fitted") if whisper.trained_window == "fitted" else full, full


def _fitted_s(config: Baseline, seconds: float) -> float:
    update = {"window": "fitted", "max_window_s": FULL_WINDOW_S}
    return fitted_seconds(seconds, config.audio.model_copy(update=update))
