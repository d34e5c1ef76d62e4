"""What runs over these corpora will take of a GPU: a baseline in, its predicted peak out. In the driver: no torch."""

from collections.abc import Sequence

import numpy as np

from raytrain.config.baseline import Baseline
from raytrain.memory.prediction import Longest, PredictedPeak, estimated_label_tokens, predict
from raytrain.speech.corpus import Corpus


class Footprint:
    """The longest clip and transcript that a run over these corpora can meet, in training or in scoring."""

    def __init__(self, corpora: Sequence[Corpus]) -> None:
        self._durations_s = np.concatenate([corpus.durations_s for corpus in corpora])
        self._text_bytes = np.array([len(text.encode()) for corpus in corpora for text in corpus.texts])

    def predict(self, config: Baseline) -> PredictedPeak:
        """The peak of a run of this baseline over these corpora."""
        # The transcript of a clip that is too long to train on is never a label.
        whole = self._text_bytes[self._durations_s <= config.audio.max_window_s]
        label_tokens = estimated_label_tokens(whole.max()) if len(whole) else None
        return predict(config, Longest(float(self._durations_s.max()), label_tokens))
