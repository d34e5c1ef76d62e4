"""A named model in, loaded; what it hears of a corpus, or in recordings of any length, out."""

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from raytrain.config.baseline import Evaluation
from raytrain.errors import Broken
from raytrain.release.models import NamedModel, told_as_typed
from raytrain.release.transcripts import Segment
from raytrain.speech.audio import SAMPLE_RATE, to_float
from raytrain.speech.corpus import Corpus
from raytrain.speech.cuts import spans
from raytrain.speech.log_mel import log_mel
from raytrain.training import precision as precisions
from raytrain.training.distributed import OutOfMemory
from raytrain.training.evaluation import evaluate
from raytrain.whisper import weights
from raytrain.whisper.decoding import transcribe
from raytrain.whisper.variants import MAX_TARGET_POSITIONS
from raytrain.whisper.window import fitted_seconds, frames


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of a recording: its samples from `start` to `end`."""

    recording: int
    start: int
    end: int


class Listener:
    """A model on the hardware at hand. On a CPU it computes in float32, so that no machine hears otherwise."""

    def __init__(self, named: NamedModel, *, num_beams: int, batch_size: int) -> None:
        self._named = named
        self._evaluation = Evaluation(num_beams=num_beams, batch_size=batch_size)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.precision = precisions.resolve("auto" if device.type == "cuda" else "fp32", device=device)
        with told_as_typed():
            self.whisper = weights.load(named.model, seed=0, any_shape=True)
        self.whisper.model.to(device).eval()
        self._audio = named.audio.model_copy(update={"window": self.whisper.trained_window})

    def hear(self, corpus: Corpus, indices: Sequence[int]) -> Iterator[tuple[str, str]]:
        """The id and the text of each of these utterances of a corpus."""
        try:
            evaluated = evaluate(
                self.whisper,
                corpus,
                indices,
                audio=self._named.audio,
                evaluation=self._evaluation,
                window=self.whisper.trained_window,
                precision=self.precision,
            )
        except OutOfMemory as error:
            raise Broken(f"{self._named.typed}: {error}; take a smaller --batch-size") from None
        for row in evaluated.utterances:
            yield row["utterance_id"], row["hypothesis"]

    def listen(self, recordings: Sequence[np.ndarray], *, progress: Callable[[float], None]) -> list[list[Segment]]:
        """What is said in recordings (int16 at 16 kHz), in consecutive windows cut where it is quiet.

        Clips that share a window are decoded together. `progress` is called with the seconds that were heard.
        """
        windows = [
            _Window(number, start, end)
            for number, samples in enumerate(recordings)
            for start, end in spans(samples, longest_s=self._named.audio.max_window_s)
        ]
        by_length: dict[float, list[_Window]] = defaultdict(list)
        for one in windows:
            by_length[fitted_seconds((one.end - one.start) / SAMPLE_RATE, self._audio)].append(one)
        texts: dict[_Window, str] = {}
        heard_s = 0.0
        for seconds, alike in sorted(by_length.items()):
            for first in range(0, len(alike), self._evaluation.batch_size):
                batch = alike[first : first + self._evaluation.batch_size]
                clips = [to_float(recordings[one.recording][one.start : one.end]) for one in batch]
                texts |= zip(batch, self._decode(clips, seconds), strict=True)
                heard_s += sum(one.end - one.start for one in batch) / SAMPLE_RATE
                progress(heard_s)
        heard: list[list[Segment]] = [[] for _ in recordings]
        for one in windows:
            heard[one.recording].append(Segment(one.start / SAMPLE_RATE, one.end / SAMPLE_RATE, texts[one]))
        return heard

    def _decode(self, clips: list[np.ndarray], window_s: float) -> list[str]:
        model = self.whisper.model
        mel = log_mel(clips, frames=frames(window_s), num_mel_bins=model.config.num_mel_bins)
        with torch.no_grad(), self.precision.autocast():
            tokens = transcribe(
                self.whisper,
                mel.to(self.precision.device, model.dtype),
                num_beams=self._evaluation.num_beams,
                max_new_tokens=MAX_TARGET_POSITIONS,
            )
        return [self.whisper.tokenizer.decode(row, skip_special_tokens=True).strip() for row in tokens]

    def close(self) -> None:
        """Give its memory back before the next model takes its own."""
        del self.whisper
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
