"""What a study leaves on the disk: a baseline and a space in; weights kept, and their size, out.

Arithmetic alone: every dry run prints it.
"""

from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.constants import FLOAT_BYTES, GIB
from raytrain.config.space import SearchSpace
from raytrain.memory.learning import Learning, learning_of
from raytrain.search.kept import most_weights


def study_weights(baseline: Baseline, space: SearchSpace) -> dict[str, Any]:
    """Of how many trials it keeps the weights, at most, and their size."""
    kept = most_weights(space.search)
    return {"study_weights": kept, "study_weights_gib": kept * trained_bytes(learning_of(baseline)) / GIB}


def checkpoint_bytes(baseline: Baseline) -> float:
    """A checkpoint: what was trained, and the optimizer's state."""
    learning = learning_of(baseline)
    return trained_bytes(learning) + learning.state_bytes()


def trained_bytes(learning: Learning) -> float:
    """What is kept of a training: the adapter alone where there is one, else all weights; in float32."""
    return FLOAT_BYTES * (learning.trained() if learning.adapter is not None else learning.variant.parameters)
