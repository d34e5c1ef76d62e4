"""The audio window: how many mel frames the encoder sees. Seconds of speech in, a window in seconds and frames out.

Whisper pads every clip to 30 s, and for short clips that padding is most of the work. The encoder takes any length once
the two integers it checks agree with it; position k means the same at every length. At 3000 frames nothing changes.
Of the silence after a condensed window a part is heard in the place of all (`silence.py`).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from raytrain.config.baseline import Audio
from raytrain.config.constants import FULL_WINDOW_S
from raytrain.whisper import hearing
from raytrain.whisper.silence import silence_heard
from raytrain.whisper.variants import MAX_SOURCE_POSITIONS

FULL_FRAMES = 2 * MAX_SOURCE_POSITIONS
"""Mel frames of the full window: the encoder has a position for every two."""


def fitted_seconds(longest_s: float, audio: Audio, *, extra_s: float = 0.0) -> float:
    """The window for clips of up to `longest_s`: margin and extra added, rounded up to a step, at most the largest.

    Where the configuration asks for full windows it is Whisper's 30 s, whatever the clips are.
    """
    if audio.window == "full":
        return FULL_WINDOW_S
    most_s = hearing.longest_window_s(audio.window, audio.max_window_s)
    return hearing.fitted_seconds(
        float(longest_s) + extra_s, margin_s=audio.margin_s, step_s=audio.step_s, max_window_s=most_s
    )


def jittered_seconds(longest_s: float, audio: Audio, *, extra_s: float) -> float:
    """The window of a training step, of which `extra_s`, 0 to audio.most_jitter_s, was drawn: one of the multiples of
    a step from the one that fits the clips up to so much more of silence, each as likely.

    Rounding up to a step is a part of the jitter, and no padding on top of it; few lengths occur, and few shapes.
    """
    shortest_s = fitted_seconds(longest_s, audio)
    most_s = float(longest_s) + audio.margin_s + audio.most_jitter_s
    choices = max(1, 1 + math.floor((most_s - shortest_s) / audio.step_s + 1e-6))
    chosen = min(math.floor(choices * extra_s / max(audio.most_jitter_s, 1e-9)), choices - 1)
    return min(shortest_s + chosen * audio.step_s, max(shortest_s, audio.max_window_s))


def frames(seconds: float) -> int:
    """Mel frames of a window: 100 a second, rounded up to an even number, at most Whisper's 3000."""
    return 2 * hearing.positions(seconds)


@contextmanager
def audio_window(model: Any, frames: int, *, condensed: bool = False) -> Iterator[None]:
    """Let the model's encoder take inputs of `frames` mel frames, in a forward or in generate(), for a while; with
    `condensed` it hears the silence from there to 30 s besides.

    But for that only the forward looks at the window. The backward pass may run after it is closed, with gradient
    checkpointing too: what is computed again are the layers, and they take their length from their input.
    """
    if frames % 2 or not 0 < frames <= FULL_FRAMES:
        raise ValueError(f"a window has an even number of mel frames, 2 to {FULL_FRAMES}, not {frames}")
    encoder = model.get_encoder()
    before = encoder.config.max_source_positions
    try:
        _set_positions(encoder, frames // 2)
        with silence_heard(model, frames // 2) if condensed else nullcontext():
            yield
    finally:
        _set_positions(encoder, before)


def _set_positions(encoder: Any, positions: int) -> None:
    """The two integers that decide the length of the encoder's input, of which transformers promises neither.

    Its forward refuses a mel that has not twice as many frames as the first says, and adds as many rows of the position
    embedding as the second says. All rows stay in the weights, so that setting them back is all it takes to undo.
    """
    encoder.config.max_source_positions = encoder.embed_positions.num_embeddings = positions
