"""Samples as points: a sample in; the numbers by which the posterior tells how far two samples lie apart, out.

The best learning rate moves with the effective batch, by about its square root under Adam. So a point has the rate
relative to that valley, and along the valley the size, both as natural logarithms from the baseline's. Every other key
has its place in its range, or where its values have no order a column each.

Where a study chooses between full and adapter fine-tuning, a rate is relative to that of its own branch, and a key that
a sample does not have has no place: NaN.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raytrain.config.branches import ADAPTER_KIND, RATE
from raytrain.search.axes import Axes, Axis, Listed, Sample

VALLEY_SLOPE = 0.5
"""By which power of the effective batch the best rate grows."""
_FOLLOWED = {"none": 0.0, "sqrt": 0.5, "linear": 1.0}

Points = NDArray[np.float64]
"""A row a sample, a column a coordinate."""


@dataclass(frozen=True)
class Column:
    """One coordinate: the key it belongs to, and whether it is the rate or the size of the valley."""

    key: str
    in_valley: bool

    @property
    def is_branch(self) -> bool:
        """Whether it tells full from adapter fine-tuning."""
        return self.key == ADAPTER_KIND


class Coordinates:
    """Turns samples of one study into points."""

    def __init__(self, axes: Axes, *, learning_rate_scaling: str) -> None:
        """Of a study that scales the rate by the size already, only what is left of the valley's slope is applied."""
        self._axes = axes
        self._size = float(axes.effective_batch_size(axes.baseline_sample)) if axes.factors else 1.0
        self._slope = VALLEY_SLOPE - _FOLLOWED[learning_rate_scaling] if axes.factors else 0.0
        rates = [axis for axis in axes.others if axis.key == RATE and _is_numeric(axis)]
        self._has_rate = bool(rates)
        self._rest = [axis for axis in axes.others if axis not in rates]
        columns = [Column(RATE, True)] if self._has_rate else []
        columns += [Column("effective_batch_size", True)] if axes.factors else []
        for axis in self._rest:
            columns += [Column(axis.name, False)] * (1 if _is_numeric(axis) else len(_values(axis)))
        self.columns: Sequence[Column] = columns

    def of_samples(self, samples: Sequence[Sample]) -> Points:
        """Points of whole samples."""
        return self.of([float(self._axes.effective_batch_size(one)) for one in samples], samples)

    def of(self, sizes: Sequence[float], others: Sequence[Mapping[str, Any]]) -> Points:
        """Points of effective batches, each with the values of all keys that are no factor of it."""
        rows = [self._row(size, values) for size, values in zip(sizes, others, strict=True)]
        return np.array(rows, dtype=float).reshape(len(rows), len(self.columns))

    def _row(self, size: float, values: Mapping[str, Any]) -> list[float]:
        row: list[float] = []
        along = math.log(size / self._size) if self._axes.factors else 0.0
        branch = self._axes.branch(values)
        if self._has_rate:
            about = self._axes.rate_about(branch)
            row.append(math.log(max(values[RATE], 1e-12) / max(about, 1e-12)) - self._slope * along)
        if self._axes.factors:
            row.append(along)
        for axis in self._rest:
            if axis.branch in (None, branch) and axis.key in values:
                row += _places(axis, values[axis.key])
            else:
                row += [math.nan] * (1 if _is_numeric(axis) else len(_values(axis)))
        return row


def _places(axis: Axis, value: Any) -> list[float]:
    """From 0 to 1 in the key's range; of values without order a column each, where two that differ lie 1 apart."""
    if isinstance(axis, Listed):
        if not axis.ordered:
            return [math.sqrt(0.5) * (value == one) for one in axis.values]
        numbers: Any = axis.values
        return [float(np.interp(value, numbers, np.linspace(0, 1, len(numbers)))) if len(numbers) > 1 else 0.0]
    low, high, value = (math.log(one) if axis.log else one for one in (axis.low, axis.high, max(value, axis.low)))
    return [(value - low) / (high - low) if high > low else 0.0]


def _is_numeric(axis: Axis) -> bool:
    return not isinstance(axis, Listed) or axis.ordered


def _values(axis: Axis) -> Sequence[Any]:
    return axis.values if isinstance(axis, Listed) else ()
