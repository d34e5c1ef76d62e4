"""A named model in, loaded; what it hears of a corpus, or in recordings of any length, out."""

import gc
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from raytrain.config.baseline import Evaluation
from raytrain.errors import Broken
from raytrain.release.models import NamedModel, told_as_typed
from raytrain.release.transcripts import Segment
from raytrain.speech.audio import SAMPLE_RATE
from raytrain.speech.corpus import Corpus
from raytrain.training import precision as precisions
from raytrain.training.distributed import OutOfMemory
from raytrain.training.evaluation import Clips, Heard, decode, joined
from raytrain.whisper import weights


class _Recordings:
    """Recordings as what can be decoded."""

    def __init__(self, sounds: Sequence[np.ndarray]) -> None:
        self._sounds = sounds
        self.durations_s = np.array([len(sound) / SAMPLE_RATE for sound in sounds])

    def audio(self, index: int) -> np.ndarray:
        return self._sounds[index]


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

    def hear(self, corpus: Corpus, indices: Sequence[int]) -> Iterator[tuple[str, str]]:
        """The id and the text of each of these utterances of a corpus."""
        for index, parts in zip(indices, self._decoded(corpus, indices), strict=True):
            yield corpus.utterance_ids[index], joined(parts)

    def listen(
        self, recordings: Sequence[np.ndarray], *, progress: Callable[[float], None] = lambda seconds: None
    ) -> list[list[Segment]]:
        """What is said in recordings (float32 in [-1, 1) at 16 kHz), in consecutive windows cut where it is quiet.

        `progress` is called with the seconds that were heard.
        """
        heard = self._decoded(_Recordings(recordings), range(len(recordings)), progress=progress)
        return [
            [Segment(part.start / SAMPLE_RATE, part.end / SAMPLE_RATE, part.text) for part in parts] for parts in heard
        ]

    def close(self) -> None:
        """Give its memory back before the next model takes its own."""
        del self.whisper
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _decoded(
        self, clips: Clips, indices: Sequence[int], *, progress: Callable[[float], None] = lambda seconds: None
    ) -> list[list[Heard]]:
        try:
            return decode(
                self.whisper,
                clips,
                indices,
                audio=self._named.audio,
                evaluation=self._evaluation,
                window=self.whisper.trained_window,
                precision=self.precision,
                progress=progress,
            )
        except OutOfMemory as error:
            raise Broken(f"{self._named.typed}: {error}; take a smaller --batch-size") from None
