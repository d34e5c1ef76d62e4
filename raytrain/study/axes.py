"""What a study can draw: a space and its baseline in; axes, and what each may take given the others, out. Plain Python.

The effective batch is a product of up to three keys. They are drawn one after the other, each from the values that
leave the rest a way into the window: so nothing outside it is ever proposed, and every pair inside can be.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.space import Bounds, Choice, Range, Scalar, SearchSpace
from raytrain.errors import InputError

FACTORS = ("scaling.num_workers", "training.batch_size", "training.gradient_accumulation_steps")
_LONGEST_LIST = 100_000

Sample = dict[str, Scalar]


@dataclass(frozen=True)
class Listed:
    """One of these values; numbers are in order, so that a sampler may learn that 8 lies between 6 and 9."""

    key: str
    values: Sequence[Scalar]
    ordered: bool
    log: bool = False
    """Draw the logarithm evenly, not the place in the list."""


@dataclass(frozen=True)
class Continuous:
    """Any number from low to high; whole ones where `whole`."""

    key: str
    low: float
    high: float
    log: bool
    whole: bool


Axis = Listed | Continuous


class Axes:
    """The axes of a study in the order they are drawn, factors of the effective batch first."""

    def __init__(self, space: SearchSpace, baseline: Baseline) -> None:
        keys = [key for key in FACTORS if key in space.vary] + [key for key in space.vary if key not in FACTORS]
        self.axes: list[Axis] = [_axis(key, space.vary[key]) for key in keys]
        self.window = space.keep.effective_batch_size
        self.baseline_sample: Sample = {key: value_at(baseline, key) for key in keys}
        """The baseline's own values of what varies, wherever they lie."""
        self._fixed_factor = math.prod(value_at(baseline, key) for key in FACTORS if key not in space.vary)
        if not self._completes({}):
            low, high = (self.window.low, self.window.high) if self.window else (None, None)
            raise InputError(
                f"keep.effective_batch_size: no sample has an effective batch between {low} and {high}; "
                "widen it, or vary training.batch_size and training.gradient_accumulation_steps further"
            )

    def allowed(self, axis: Listed, chosen: Mapping[str, Scalar]) -> Sequence[Scalar]:
        """The axis's values that, after what was chosen so far, leave a way into the window."""
        if self.window is None or axis.key not in FACTORS:
            return axis.values
        return [value for value in axis.values if self._completes({**chosen, axis.key: value})]

    def contains(self, sample: Mapping[str, Scalar]) -> bool:
        """Whether the effective batch of a whole sample lies within the window."""
        return self._completes({key: value for key, value in sample.items() if key in FACTORS})

    def _completes(self, chosen: Mapping[str, Any]) -> bool:
        if self.window is None:
            return True
        product = self._fixed_factor * math.prod(chosen[key] for key in FACTORS if key in chosen)
        open_axes = [axis for axis in self.axes if isinstance(axis, Listed) and axis.key in FACTORS]
        open_axes = [axis for axis in open_axes if axis.key not in chosen]
        return _reaches(product, [axis.values for axis in open_axes], self.window)


def value_at(baseline: Baseline, key: str) -> Any:
    """A baseline's value by dotted key."""
    value: Any = baseline
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _axis(key: str, asked: Choice | Range) -> Axis:
    if isinstance(asked, Choice):
        values = list(dict.fromkeys(asked.values))
        ordered = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        return Listed(key, sorted(values) if ordered else values, ordered)  # type: ignore[type-var]
    whole = isinstance(asked.low, int) and isinstance(asked.high, int)
    if asked.step is not None or key in FACTORS:
        return Listed(key, _steps(key, asked.low, asked.high, asked.step or 1), ordered=True, log=asked.log)
    return Continuous(key, asked.low, asked.high, asked.log, whole)


def _steps(key: str, low: float, high: float, step: float) -> list[Scalar]:
    """low, low + step, ..., and high whether or not a step falls on it: both ends are reachable."""
    count = math.floor((high - low) / step + 1e-9) + 1
    if count > _LONGEST_LIST:
        raise InputError(f"vary.{key}: {count} steps are too many; leave out `step`, or make it larger")
    values: list[Any] = [low + index * step for index in range(count)]
    if values[-1] < high and not math.isclose(values[-1], high):
        values.append(high)
    return values


def _reaches(product: float, remaining: Sequence[Sequence[Any]], window: Bounds) -> bool:
    """Whether some choice of one value from each list brings the product into the window."""
    if not remaining:
        return window.low <= product <= window.high
    *others, last = remaining
    if not others:
        return bisect_left(last, window.low / product) < bisect_right(last, window.high / product)
    return any(_reaches(product * value, others, window) for value in last)
