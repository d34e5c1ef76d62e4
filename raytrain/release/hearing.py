"""A named model in, loaded; what it hears of a corpus, or in recordings of any length, out."""

import gc
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from raytrain.errors import Broken
from raytrain.release.models import NamedModel, told_as_typed
from raytrain.release.transcripts import Segment
from raytrain.speech.audio import SAMPLE_RATE, to_float
from raytrain.speech.corpus import Corpus
from raytrain.speech.cuts import spans
from raytrain.speech.log_mel import log_mel
from raytrain.training import precision as precisions
from raytrain.training.distributed import OutOfMemory, run_on_all_or_none
from raytrain.whisper import weights
from raytrain.whisper.decoding import transcribe
from raytrain.whisper.window import fitted_seconds, frames

_TOKENS_PER_SECOND, _MORE_TOKENS = 10, 10


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of a recording: its samples from `start` to `end`."""

    recording: int
    start: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / SAMPLE_RATE


class Listener:
    """A model on the hardware at hand. On a CPU it computes in float32, so that no machine hears otherwise.

    What is heard in a clip depends on that clip alone, and not on those that are decoded beside it.
    """

    def __init__(self, named: NamedModel, *, num_beams: int, batch_size: int) -> None:
        self._named, self._num_beams, self._batch_size = named, num_beams, batch_size
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.precision = precisions.resolve("auto" if device.type == "cuda" else "fp32", device=device)
        with told_as_typed():
            self.whisper = weights.load(named.model, seed=0, any_shape=True)
        self.whisper.model.to(device).eval()
        self._audio = named.audio.model_copy(update={"window": self.whisper.trained_window})

    def hear(self, corpus: Corpus, indices: Sequence[int]) -> Iterator[tuple[str, str]]:
        """The id and the text of each of these utterances of a corpus."""
        heard = self.listen([corpus.audio(index) for index in indices])
        for index, segments in zip(indices, heard, strict=True):
            yield corpus.utterance_ids[index], " ".join(one.text for one in segments if one.text)

    def listen(
        self, recordings: Sequence[np.ndarray], *, progress: Callable[[float], None] = lambda seconds: None
    ) -> list[list[Segment]]:
        """What is said in recordings, in consecutive windows cut where it is quiet.

        They are at 16 kHz: float32 in [-1, 1), or int16, which takes half the memory and becomes float as it is heard.

        `progress` is called with the seconds that were heard.
        """
        windows = [
            _Window(number, start, end)
            for number, samples in enumerate(recordings)
            for start, end in spans(samples, longest_s=self._audio.max_window_s)
        ]
        texts: dict[_Window, str] = {}
        for window_s, most_tokens, batch in self._batches(windows):
            clips = [_as_float(recordings[one.recording][one.start : one.end]) for one in batch]
            texts |= zip(batch, self._decoded(clips, window_s, most_tokens), strict=True)
            progress(sum(one.seconds for one in texts))
        heard: list[list[Segment]] = [[] for _ in recordings]
        for one in windows:
            heard[one.recording].append(Segment(one.start / SAMPLE_RATE, one.end / SAMPLE_RATE, texts[one]))
        return heard

    def close(self) -> None:
        """Give its memory back before the next model takes its own."""
        del self.whisper
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _batches(self, windows: Sequence[_Window]) -> Iterator[tuple[float, int, list[_Window]]]:
        """Windows that are as long to the encoder and may have as many tokens, a batch at a time."""
        alike: dict[tuple[float, int], list[_Window]] = defaultdict(list)
        for one in windows:
            most_tokens = _TOKENS_PER_SECOND * math.ceil(one.seconds) + _MORE_TOKENS
            alike[fitted_seconds(one.seconds, self._audio), most_tokens].append(one)
        for (window_s, most_tokens), group in sorted(alike.items()):
            for first in range(0, len(group), self._batch_size):
                yield window_s, most_tokens, group[first : first + self._batch_size]

    def _decoded(self, clips: list[np.ndarray], window_s: float, most_tokens: int) -> list[str]:
        model = self.whisper.model

        def tokens() -> list[list[int]]:
            mel = log_mel(clips, frames=frames(window_s), num_mel_bins=model.config.num_mel_bins)
            mel = mel.to(self.precision.device, model.dtype)
            with torch.no_grad(), self.precision.autocast():
                return transcribe(self.whisper, mel, num_beams=self._num_beams, max_new_tokens=most_tokens)

        doing = f"{len(clips)} windows of {window_s:g} s at once"
        try:
            found = run_on_all_or_none(tokens, doing=doing, device=self.precision.device)
        except OutOfMemory as error:
            raise Broken(f"{self._named.typed}: {error}; take a smaller --batch-size") from None
        return [self.whisper.tokenizer.decode(row, skip_special_tokens=True).strip() for row in found]


def _as_float(samples: np.ndarray) -> np.ndarray:
    return to_float(samples) if samples.dtype == np.int16 else samples
