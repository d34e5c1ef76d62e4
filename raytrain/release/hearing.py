"""A named model in, loaded; what it hears of a corpus out."""

import gc
from collections.abc import Iterator, Sequence

import torch

from raytrain.config.baseline import Evaluation
from raytrain.errors import Broken
from raytrain.release.models import NamedModel, told_as_typed
from raytrain.speech.corpus import Corpus
from raytrain.training import precision as precisions
from raytrain.training.distributed import OutOfMemory
from raytrain.training.evaluation import evaluate
from raytrain.whisper import weights


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

    def close(self) -> None:
        """Give its memory back before the next model takes its own."""
        del self.whisper
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
