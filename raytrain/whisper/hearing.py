"""How a clip is heard: its length in; its parts, their windows, the most tokens, and words without babble, out.

One rule for evaluation, predictions, submissions and whoever uses an exported model. A copy of this file lies in each
exported folder, where there is no raytrain: it imports nothing but numpy.
"""

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


SAMPLE_RATE = 16_000
FULL_WINDOW_S = 30.0
FULL_POSITIONS = 1500
POSITIONS_PER_SECOND = 50
"""Positions of the encoder; each hears two frames of the log-mel, 320 samples."""
_TOKENS_A_SECOND = {"en": 8.0}
"""English children say at most 5.3 a second (600 clips), adults 3.7 (10 clips); 8 are 6 words, faster than anybody."""
_TOKENS_A_SECOND_ELSEWHERE = 25.0
"""Scripts of which Whisper's vocabulary knows few words take a token a letter."""
_MORE_TOKENS = 6
_MORE_WORDS = 3
_WORDS_A_SECOND = 4.0
"""Of English, in a clip of a second or so: no transcript of 610 has as many, without the three more."""
_FAST_WORDS_A_SECOND = 7.0
"""Of English, in a longer clip: adults in a hurry."""
_WORDS_A_SECOND_ELSEWHERE = 8.0
"""Nobody says more syllables a second, and some languages write each of them as a word."""
_LONGEST_LOOP_WORDS = 12
_FRAME_S, _PAUSE_S = 0.02, 0.2


def fitted_seconds(longest_s: float, *, margin_s: float, step_s: float, max_window_s: float) -> float:
    """The window for clips of up to `longest_s`: the margin added, rounded up to a step, at most the largest."""
    # The tolerance keeps 4.36 + 0.64 at 5.0: in binary the sum may lie a hair above, and would cost a whole step.
    steps = max(1, math.ceil((longest_s + margin_s) / step_s - 1e-6))
    return min(round(steps * step_s, 6), max_window_s)


def longest_window_s(window: str, max_window_s: float) -> float:
    """The most that a clip's window may take: a condensed one has its margin after the longest clip that is let in,
    too, since what it continues must be silence."""
    return max_window_s if window == "fitted" else FULL_WINDOW_S


def positions(window_s: float) -> int:
    """Positions of the encoder for a window: two frames of the log-mel each, at most Whisper's 1500."""
    return min(max(1, math.ceil(window_s * POSITIONS_PER_SECOND - 1e-6)), FULL_POSITIONS)


def most_new_tokens(fitted_s: float, language: str) -> int:
    """The most tokens for a clip, the end of text among them, by the window that fits it: a clip's limit never depends
    on the clips it is decoded with."""
    return math.ceil(_MORE_TOKENS + _TOKENS_A_SECOND.get(language, _TOKENS_A_SECOND_ELSEWHERE) * fitted_s)


def parts(sound: "np.ndarray", max_window_s: float) -> list[tuple[int, int]]:
    """The parts of a clip, first sample and one past the last: as few as fit the window, cut where it is quietest.

    `sound` [samples] is mono at 16 kHz. A clip that fits is one part, a silent one too.
    """
    most = round(max_window_s * SAMPLE_RATE)
    if len(sound) <= most:
        return [(0, len(sound))]
    number = math.ceil(len(sound) / most)
    if number * most - len(sound) < number * SAMPLE_RATE:  # too full for cuts to be moved
        number += 1
    # With cuts moved by less than this from equal parts, none is over the window.
    reach = (most - math.ceil(len(sound) / number)) // 2
    equal = [len(sound) * cut // number for cut in range(1, number)]
    cuts = [0, *(_quietest(sound, cut, reach) for cut in equal), len(sound)]
    return list(pairwise(cuts))


def _quietest(sound: "np.ndarray", near: int, reach: int) -> int:
    """The middle of the quietest fifth of a second within reach; of several the nearest."""
    import numpy as np  # most of what asks here how long a window is, cuts none

    frame, wide = round(_FRAME_S * SAMPLE_RATE), round(_PAUSE_S / _FRAME_S)
    frames = min(reach // frame, round(5 / _FRAME_S))
    around = np.asarray(sound[near - frames * frame : near + frames * frame], np.float64).reshape(-1, frame)
    energy = np.convolve(np.square(around).mean(axis=1), np.ones(wide) / wide, mode="valid")
    middles = (np.arange(len(energy)) + wide / 2 - frames) * frame
    # Against the quietest, so that it is the same however loud it was recorded; a tenth of a decibel is no difference.
    silence = 1e-9 * energy.max() + 1e-30
    quiet = np.round(10 * np.log10((energy + silence) / (energy.min() + silence)), 1)
    return int(near + min(zip(quiet, abs(middles), middles, strict=True))[2])


def most_words(seconds: float, language: str) -> int:
    """The most words that anybody can say in this time."""
    if language != "en":
        return math.floor(_MORE_WORDS + _WORDS_A_SECOND_ELSEWHERE * seconds)
    return math.floor(max(_MORE_WORDS + _WORDS_A_SECOND * seconds, _FAST_WORDS_A_SECOND * seconds - 1))


def without_babble(text: str, seconds: float, *, ended: bool, language: str) -> str:
    """The text as it is, or where more is said than can be in this time, or there was no end to it, its beginning.

    `ended`: whether the decoder ended by itself. One that did not, and says the same over and over, has fallen into a
    loop, of which the first round is kept. What children do repeat, "no no no no", ends by itself and stays.
    """
    words = list(re.finditer(r"\S+", text))
    most = most_words(seconds, language)
    if ended and len(words) <= most:
        return text
    kept = min(_before_the_loop([word[0] for word in words]), most)
    return text if kept == len(words) else text[: words[kept - 1].end()]


def _before_the_loop(words: list[str]) -> int:
    """How many words there are up to the end of a loop's first round; all where the end is no loop."""
    plain = [re.sub(r"\W", "", word).lower() for word in words]
    for length in range(1, min(_LONGEST_LOOP_WORDS, len(plain) // 3) + 1):
        same = 0
        while same < len(plain) - length and plain[-1 - same] == plain[-1 - same - length]:
            same += 1
        if same >= 2 * length:  # said three times
            return len(plain) - same
    return len(plain)
