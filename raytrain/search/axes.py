"""What a study can draw: a space and its baseline in; axes, and what each may take given the others, out. Plain Python.

The effective batch is a product of up to three keys, and what a trial learns does not depend on how it is split among
them. So its size is an axis, and the split is chosen after it: no sample leaves the window, and every one inside it can
be drawn. Where a space chooses between full and adapter fine-tuning, an axis may belong to one of the two branches; a
sample holds the keys of its own alone.
"""

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raytrain.config.baseline import FACTORS, Baseline
from raytrain.config.branches import (
    ADAPTER_KIND,
    RATE,
    Branch,
    branch_of_sample,
    branches_drawn,
    drawn_in,
    is_of_adapter,
    rate_about,
)
from raytrain.config.space import Choice, Range, Scalar, SearchSpace
from raytrain.errors import InputError

MICRO_BATCH = "training.batch_size"

Sample = dict[str, Scalar]


@dataclass(frozen=True)
class Listed:
    """One of these values; numbers are in order, so that a sampler may learn that 8 lies between 6 and 9."""

    key: str
    values: Sequence[Scalar]
    ordered: bool
    log: bool = False
    """Whether it was given as a logarithmic range: a dashboard shows it so."""
    branch: Branch | None = None
    """The branch that it is drawn in; None for any."""

    @property
    def name(self) -> str:
        return _name(self.key, self.branch)


@dataclass(frozen=True)
class Continuous:
    """Any number from low to high; whole ones where `whole`."""

    key: str
    low: float
    high: float
    log: bool
    whole: bool
    branch: Branch | None = None
    """The branch that it is drawn in; None for any."""

    @property
    def name(self) -> str:
        return _name(self.key, self.branch)


Axis = Listed | Continuous


class Axes:
    """The axes of a study: the factors of the effective batch first, then the others in the order of the space."""

    def __init__(self, space: SearchSpace, baseline: Baseline) -> None:
        first = [key for key in (*FACTORS, ADAPTER_KIND) if key in space.vary]
        keys = first + [key for key in space.vary if key not in first]
        self._baseline = baseline
        self.branches = branches_drawn(space.vary, baseline)
        """The branches that samples lie in."""
        self.axes: list[Axis] = [
            _axis(key, asked, branch) for key in keys for branch, asked in drawn_in(key, space.vary[key])
        ]
        self.factors = [axis for axis in self.axes if isinstance(axis, Listed) and axis.key in FACTORS]
        self.others = [axis for axis in self.axes if axis.key not in FACTORS]
        self.window = space.keep.effective_batch_size
        own = branch_of_sample({}, baseline)
        self.baseline_sample: Sample = {
            key: baseline.value_at(key) for key in keys if own == "adapter" or not is_of_adapter(key)
        }
        """The baseline's own values of what varies and is there, wherever they lie."""
        self._fixed_factor = math.prod(baseline.value_at(key) for key in FACTORS if key not in space.vary)
        self.smallest_and_largest = self._smallest_and_largest()
        """Effective batches: the ends of what a sample can have."""
        sizes: Any = next((axis.values for axis in self.factors if axis.key == MICRO_BATCH), None)
        self.micro_batches: tuple[int, int] | None = (sizes[0], sizes[-1]) if sizes else None
        """The smallest and the largest, where they vary."""

    def branch(self, sample: Mapping[str, Any]) -> Branch:
        """How a sample trains."""
        return branch_of_sample(sample, self._baseline)

    def others_in(self, branch: Branch) -> list[Axis]:
        """The axes that are no factor of the effective batch, as they are drawn in a branch."""
        return [axis for axis in self.others if axis.branch in (None, branch)]

    def rate_about(self, branch: Branch) -> float:
        """Where the best learning rate of a branch is looked for first, within what is drawn there."""
        about = rate_about(self._baseline, branch)
        axis: Any = next((axis for axis in self.others_in(branch) if axis.key == RATE), None)
        if axis is None or branch == self.branch(self.baseline_sample):
            return about
        low, high = ends_of(axis)
        return float(min(max(about, low), high))

    def effective_batch_size(self, sample: Mapping[str, Any]) -> int:
        """Of a sample, whatever else it holds."""
        return self._fixed_factor * math.prod(sample[axis.key] for axis in self.factors)

    def contains(self, sample: Mapping[str, Scalar]) -> bool:
        """Whether the effective batch of a whole sample lies within the window."""
        return self.window is None or self.window.low <= self.effective_batch_size(sample) <= self.window.high

    def splits(self, *, near: float | None = None) -> Iterator[Sample]:
        """Every choice of the factors within the window. With `near`, an effective batch, of the last factor only the
        two values that come closest to it from below and from above, for every choice of the others."""
        if not self.factors:
            yield {}
            return
        for others, values in self._within_window():
            if near is not None:
                above = bisect_left(values, near / self._fixed_factor / math.prod(others.values()))
                values = values[max(0, above - 1) : above + 1]
            for value in values:
                yield {**others, self.factors[-1].key: value}

    def splits_near(self, size: float) -> list[Sample]:
        """Ways to make about this effective batch, nearest first."""
        return sorted(self.splits(near=size), key=lambda split: abs(math.log(self.effective_batch_size(split) / size)))

    def _within_window(self) -> Iterator[tuple[dict[str, Any], Sequence[Any]]]:
        """Every choice of all factors but the last, with the values of the last that keep the window."""
        *others, last = self.factors
        for chosen in itertools.product(*(axis.values for axis in others)):
            product = self._fixed_factor * math.prod(chosen)  # type: ignore[arg-type]
            start, end = 0, len(last.values)
            if self.window is not None:
                start = bisect_left(last.values, -(-self.window.low // product))  # exact, and no overflow
                end = bisect_right(last.values, self.window.high // product)
            if start < end:
                yield {axis.key: value for axis, value in zip(others, chosen, strict=True)}, last.values[start:end]

    def _smallest_and_largest(self) -> tuple[int, int]:
        ends = [split for size in (0, math.inf) for split in self.splits(near=size) if self.contains(split)]
        sizes = [self.effective_batch_size(split) for split in ends]
        if not sizes:
            low, high = (self.window.low, self.window.high) if self.window else (None, None)
            raise InputError(
                f"keep.effective_batch_size: no sample has an effective batch between {low} and {high}; "
                "widen it, or vary training.batch_size and training.gradient_accumulation_steps further"
            )
        return min(sizes), max(sizes)


def _name(key: str, branch: Branch | None) -> str:
    """An axis by its own name: of one that each branch has its own of, as the space has it."""
    return key if branch is None or is_of_adapter(key) else f"{key}.{branch}"


def _axis(key: str, asked: Choice | Range, branch: Branch | None) -> Axis:
    if isinstance(asked, Choice):
        values = list(dict.fromkeys(asked.values))
        ordered = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        in_order: Any = sorted(values) if ordered else values
        return Listed(key, in_order, ordered, branch=branch)
    whole = isinstance(asked.low, int) and isinstance(asked.high, int)
    if asked.step is not None or key in FACTORS:
        return Listed(key, stepped(asked), ordered=True, log=asked.log, branch=branch)
    return Continuous(key, asked.low, asked.high, asked.log, whole, branch)


def ends_of(axis: Axis) -> tuple[Any, Any]:
    """The lowest and the highest value of an axis of numbers."""
    return (axis.values[0], axis.values[-1]) if isinstance(axis, Listed) else (axis.low, axis.high)


def stepped(asked: Range) -> list[Any]:
    """low, low + step, ..., and high whether or not a step falls on it: both ends are reachable."""
    step = asked.step or 1
    count = math.floor((asked.high - asked.low) / step + 1e-9) + 1
    values = [asked.low + index * step for index in range(count)]
    return values if values[-1] >= asked.high or math.isclose(values[-1], asked.high) else [*values, asked.high]
