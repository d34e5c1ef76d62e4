"""What makes two samples one: values by key in; something that is equal where they train alike, out."""

from collections.abc import Mapping
from typing import Any

from raytrain.config.baseline import FACTORS
from raytrain.search.axes import Sample

Identity = tuple[tuple[str, Any], ...]


def identity(sample: Mapping[str, Any]) -> Identity:
    """What two samples have alike that are one: a rate handed down as its logarithm differs in its last digit."""
    alike = ((key, f"{value:.9g}" if isinstance(value, float) else value) for key, value in sample.items())
    return tuple(sorted(alike))


def others_of(sample: Sample) -> Sample:
    """All that is not a factor of the effective batch."""
    return {key: value for key, value in sample.items() if key not in FACTORS}
