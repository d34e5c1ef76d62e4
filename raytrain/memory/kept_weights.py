"""What a study leaves on the disk: a baseline and a space in; weights kept, and their size, out.

Arithmetic alone: every dry run prints it.
"""

from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.constants import FLOAT_BYTES, GIB
from raytrain.config.space import SearchSpace
from raytrain.search.kept import most_weights
from raytrain.whisper.variants import VARIANTS


def study_weights(baseline: Baseline, space: SearchSpace) -> dict[str, Any]:
    """Of how many trials it keeps the weights, at most, and their size."""
    kept = most_weights(space.search)
    weights_gib = FLOAT_BYTES * VARIANTS[baseline.model.variant].parameters / GIB
    return {"study_weights": kept, "study_weights_gib": kept * weights_gib}
