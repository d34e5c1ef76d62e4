"""What silence comes out as: a model in; the share of wordless clips in which it hears words, and which words, out."""

from collections import Counter
from typing import Any

import numpy as np

from raytrain.release.listener import Listener
from raytrain.speech.audio import SAMPLE_RATE

SECONDS = (0.3, 0.5, 1.0, 2.0, 4.0, 8.0)
PEAKS = {"silence": 0.0, "faint noise": 0.001, "noise": 0.02, "loud noise": 0.2}
"""Of each kind the standard deviation of its samples, of which 1 is full scale."""
DRAWS = 5
_MOST_COMMON = 8


def measure_silence(listener: Listener) -> dict[str, Any]:
    """Of each kind of clip how many there were, the share that yielded words, the longest text, and the most common."""
    return {kind: _told(_heard(listener, peak)) for kind, peak in PEAKS.items()}


def _heard(listener: Listener, peak: float) -> list[str]:
    random = np.random.default_rng(0)
    draws = DRAWS if peak else 1  # one silence is like another
    clips = [
        (peak * random.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)
        for seconds in SECONDS
        for _ in range(draws)
    ]
    return [" ".join(one.text for one in segments) for segments in listener.listen(clips)]


def _told(texts: list[str]) -> dict[str, Any]:
    with_words = [text for text in texts if text]
    return {
        "clips": len(texts),
        "with_words": round(len(with_words) / len(texts), 4),
        "most_words": max((len(text.split()) for text in texts), default=0),
        "texts": dict(Counter(with_words).most_common(_MOST_COMMON)),
    }
