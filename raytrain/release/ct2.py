"""CTranslate2, the form that faster-whisper loads: a folder of Hugging Face's form in; its conversion, and words, out.

ctranslate2 and faster-whisper are optional: both are imported where they are used, and transformers, so that a door
may ask for them before torch is loaded.
"""

import contextlib
import importlib.util
import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from raytrain.errors import InputError
from raytrain.files import read_as, write_json
from raytrain.whisper.folders import RAYTRAIN
from raytrain.whisper.hearing import FULL_WINDOW_S, SAMPLE_RATE, without_babble

Quantization = Literal["float32", "float16", "int8"]
PROVED = 32
"""Clips that a conversion is proved on where nothing else is asked."""
MOST_TOKENS = 224
"""CTranslate2 emits at most half of Whisper's 448 positions, the prompt among them or not."""
_KEPT = ("tokenizer.json", "generation_config.json", RAYTRAIN)


def require_ct2() -> None:
    """Refuse where the packages are missing."""
    if missing := [name for name in ("ctranslate2", "faster_whisper") if importlib.util.find_spec(name) is None]:
        raise InputError(f'--form ct2: {" and ".join(missing)} not installed; run pip install "raytrain[ct2]"')


def convert(model: Path, into: Path, *, quantization: Quantization) -> None:
    """Write a model folder as CTranslate2 reads it, and what faster-whisper needs beside it with no network."""
    from ctranslate2.converters import TransformersConverter
    from transformers import WhisperFeatureExtractor

    with contextlib.redirect_stderr(io.StringIO()):  # transformers' bar over the weights
        TransformersConverter(str(model)).convert(str(into), quantization=quantization, force=True)
    for name in _KEPT:
        shutil.copyfile(model / name, into / name)
    bins = read_as(model / "config.json", dict[str, Any])["num_mel_bins"]
    # By it faster-whisper learns how many mel bins there are; without it, it takes 80.
    write_json(into / "preprocessor_config.json", WhisperFeatureExtractor(feature_size=bins).to_dict())


class FasterWhisper:
    """A converted model, decoded by faster-whisper itself on the CPU, greedily: two searches by beams keep others of
    two hypotheses that are as likely."""

    def __init__(self, folder: Path, *, language: str) -> None:
        from faster_whisper import WhisperModel

        self._model = WhisperModel(str(folder), device="cpu", local_files_only=True)
        self._language = language
        settings = read_as(folder / "generation_config.json", dict[str, Any])
        self._suppressed = settings.get("suppress_tokens") or []
        self._task = settings.get("task") or "transcribe"

    def hear(self, sound: np.ndarray, *, most_tokens: int, padded: bool = True) -> str:
        """The words of a clip: float32 [samples], mono, 16 kHz, 30 s at most.

        The sound itself is padded to 30 s: faster-whisper pads the finished log-mel, by zeros, which to Whisper is no
        silence. With `padded` false that is left to it.
        """
        silence = round(FULL_WINDOW_S * SAMPLE_RATE) - len(sound) if padded else 0
        segments, _ = self._model.transcribe(
            np.pad(sound, (0, silence)),
            language=self._language,
            task=self._task,
            beam_size=1,
            temperature=0.0,
            suppress_tokens=self._suppressed,
            without_timestamps=True,
            condition_on_previous_text=False,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
        )
        tokens: Sequence[int] = [token for segment in segments for token in segment.tokens]
        text = self._model.hf_tokenizer.decode(list(tokens[:most_tokens])).strip()
        return without_babble(text, len(sound) / SAMPLE_RATE, ended=len(tokens) < most_tokens, language=self._language)
