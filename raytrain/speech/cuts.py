"""A recording in; where it is cut into consecutive windows, at its quietest places, out."""

import numpy as np

from raytrain.speech.audio import SAMPLE_RATE

_FRAME = SAMPLE_RATE // 50
_QUIET_FRAMES = 10
"""A cut is made in the middle of the quietest fifth of a second."""
_EARLIEST = 0.6
"""Of the longest window: where a cut may come first, so that windows stay few and long."""
_HALF = (0.4, 0.6)
"""Of what is left where it is less than two windows: where it is cut, so that no sliver of a word comes last."""


def spans(samples: np.ndarray, *, longest_s: float) -> list[tuple[int, int]]:
    """The first sample of each window and one past its last; a recording that fits one is not cut."""
    longest = int(longest_s * SAMPLE_RATE)
    found = []
    start = 0
    while len(samples) - start > longest:
        left = len(samples) - start
        first, last = int(_EARLIEST * longest), longest
        if left <= 2 * longest * _EARLIEST:
            first, last = max(left - longest, int(_HALF[0] * left)), min(longest, int(_HALF[1] * left))
        cut = start + _quietest(samples[start : start + last], first=first)
        found.append((start, cut))
        start = cut
    return [*found, (start, len(samples))]


def _quietest(samples: np.ndarray, *, first: int) -> int:
    """The middle of the quietest stretch that begins at `first` or later."""
    frames = samples[first : first + (len(samples) - first) // _FRAME * _FRAME].reshape(-1, _FRAME)
    loudness = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    width = min(_QUIET_FRAMES, len(loudness))
    smooth = np.convolve(loudness, np.ones(width) / width, mode="valid")
    place = int(np.argmin(smooth))
    return first + place * _FRAME + width * _FRAME // 2
