"""The silence after a short clip, condensed: of every 256 positions up to 30 s four are heard, each counted as 64.

Whisper learned from clips padded to 30 s, and its layers look at the silence, too. Where a fitted window leaves it away
published weights hear worse, and weights trained so have to learn to do without. But silence is all alike: its mels are
one column again and again, so that in each layer its positions differ by little more than their place. Attention to one
of them with log 64 added to its score is attention to 64 that are like it (proportional attention: Bolya 2022, "Token
Merging", arXiv:2210.09461). Four that lie side by side, since the fastest of Whisper's embeddings of a place goes round
in six: one alone would stand for a part of its circle. A clip of 4 s takes 235 positions so, margin and rounding
included, instead of 1500.

A copy of this file, too, lies in each exported folder.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from raytrain.whisper.hearing import FULL_POSITIONS

if TYPE_CHECKING:  # what asks for places alone pays for no torch
    import torch

CELL, HEARD = 256, 4
"""Of so many positions those in the middle are heard, so many."""
_LAST = FULL_POSITIONS - 1
"""The position that hears the end of the mel, and is like no other."""


def silence_after(positions: int) -> list[tuple[int, float]]:
    """Those of Whisper's 1500 positions that are heard of the silence after a window of so many, and how many each of
    them stands for; the last stands for itself."""
    if positions >= _LAST:
        return []
    heard: list[tuple[int, float]] = []
    for start, end in pairwise([*range(positions, _LAST, CELL), _LAST]):
        most = min(HEARD, end - start)
        first = start + (end - start - most) // 2
        heard += [(place, (end - start) / most) for place in range(first, first + most)]
    return [*heard, (_LAST, 1.0)]


@contextmanager
def silence_heard(model: Any, positions: int) -> Iterator[None]:
    """Let the encoder hear a window of so many positions and the silence after it, and the decoder what came of both.

    The window ends in silence. It stays open over the backward pass: layers that are computed again there need it.
    """
    encoder, silent = model.get_encoder(), [place for place, _ in silence_after(positions)]
    device = encoder.conv2.weight.device
    places = _on(device, [*range(positions), *silent])
    hooks = [
        encoder.conv2.register_forward_hook(lambda module, given, made: _continued(made, len(silent))),
        encoder.embed_positions.register_forward_pre_hook(lambda module, given: (places,)),
    ]
    over_sound = attended_over_sound(model)
    for attention in over_sound:
        attention.counted = counted(positions, device=device)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for attention in over_sound:
            del attention.counted


def attended_over_sound(model: Any) -> list[Any]:
    """The model's attentions whose keys are the encoder's positions: while its window is open each has as `counted`
    what is added to their scores."""
    return [
        *(layer.self_attn for layer in model.get_encoder().layers),
        *(layer.encoder_attn for layer in model.get_decoder().layers),
    ]


def counted(positions: int, *, device: "torch.device") -> "torch.Tensor":
    """What attention adds to the scores of a window's positions and of the silence after it [1, 1, 1, positions]: the
    logarithm of how many each stands for, which are 1500 together."""
    stands_for = [1.0] * positions + [number for _, number in silence_after(positions)]
    return _on(device, stands_for).log()[None, None, None]


def _on(device: "torch.device", numbers: Sequence[float]) -> "torch.Tensor":
    """The numbers on this device, without a GPU being waited for: a step is sent to it whole."""
    import torch

    tensor = torch.tensor(numbers)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _continued(made: "torch.Tensor", silent: int) -> "torch.Tensor":
    """The second convolution's output [clips, width, positions] with so many more. The last position hears the end of
    the mel, and stays the last; the one before it is silence, and what is put between."""
    import torch

    if not silent:
        return made
    return torch.cat([made[..., :-1], made[..., -2:-1].expand(-1, -1, silent), made[..., -1:]], dim=-1)
