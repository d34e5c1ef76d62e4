"""What a run is scored on: validation and further corpora in; how weights do there, always on the same clips, out."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass

import numpy as np

from raytrain.config.baseline import Baseline, Window
from raytrain.config.random_streams import RandomStream
from raytrain.speech.corpus import Corpus
from raytrain.training.distributed import world_size
from raytrain.training.evaluation import Evaluated, evaluate
from raytrain.training.peaks import MemoryMeter
from raytrain.training.precision import Precision
from raytrain.whisper.weights import Whisper


@dataclass(eq=False)
class Scoring:
    """The clips that a run is scored on."""

    whisper: Whisper
    _: KW_ONLY
    config: Baseline
    corpus: Corpus
    validation: np.ndarray
    """Of this corpus the utterances that may be scored."""
    also: Mapping[str, Corpus]
    """Further sets, by name."""
    seed: int
    """Draws the utterances that are scored where not all are."""
    precision: Precision
    memory: MemoryMeter
    before_batch: Callable[[], None]

    def __post_init__(self) -> None:
        most = self.config.evaluation.max_utterances
        self._validation = drawn(self.validation, most, seed=self.seed)
        self._elsewhere = {
            name: drawn(np.arange(len(corpus)), most, seed=self.seed) for name, corpus in self.also.items()
        }

    def score(self, window: Window) -> Evaluated:
        """Of validation."""
        return self._evaluate(self.corpus, self._validation, window)

    def wers_elsewhere(self, window: Window) -> dict[str, float]:
        """Of each further set."""
        return {
            name: self._evaluate(self.also[name], chosen, window).word_errors.wer
            for name, chosen in self._elsewhere.items()
        }

    def try_largest(self, window: Window) -> None:
        """Score the largest batches: of the clips that are scored the longest."""
        self._evaluate(self.corpus, self._longest(self.corpus, self._validation), window)
        for name, chosen in self._elsewhere.items():
            self._evaluate(self.also[name], self._longest(self.also[name], chosen), window)

    def _longest(self, corpus: Corpus, chosen: np.ndarray) -> np.ndarray:
        batch = self.config.evaluation.batch_size * world_size()
        return chosen[np.argsort(corpus.durations_s[chosen], kind="stable")[-batch:]]

    def _evaluate(self, corpus: Corpus, chosen: np.ndarray, window: Window) -> Evaluated:
        with self.memory.phase("evaluate"):
            return evaluate(
                self.whisper,
                corpus,
                chosen,
                audio=self.config.audio,
                evaluation=self.config.evaluation,
                window=window,
                precision=self.precision,
                before_batch=self.before_batch,
            )


def drawn(indices: np.ndarray, most: int | None, *, seed: int) -> np.ndarray:
    """The utterances that every evaluation of a run scores, `most` of them at random where there are more."""
    if most is None or most >= len(indices):
        return indices
    return np.sort(np.random.default_rng([seed, RandomStream.SCORED]).choice(indices, size=most, replace=False))
