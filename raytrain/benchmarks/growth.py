"""How cost grows: windows, micro-batches and numbers of clips in; what each takes, and how far off the law it is, out.

A step's seconds should be its floating-point operations at one speed, and a constant. To prepare a clip should cost as
much among many as among few, in memory that does not grow with them.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from raytrain.benchmarks.beside import told_by, weights_folder
from raytrain.memory.flops import train_flops_per_clip
from raytrain.memory.step_shape import StepShape
from raytrain.trial.nursery import KEPT_MEMORY
from raytrain.whisper.variants import VARIANTS

LABEL_TOKENS = 16
"""Of a sentence of ten words."""
EXPECTED = {"worst_over_fit": 1.3, "costliest_over_cheapest_clip": 1.3, "peak_resident_gib": 2.0}
"""At most, written down before they were measured."""
_REPEATS = 3


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A step of one micro-batch."""

    batch_size: int
    window_s: float
    gflop: float
    """Floating-point operations of the step, in thousands of millions."""
    seconds: float
    """CPU seconds on a CPU."""


@dataclass(frozen=True, kw_only=True)
class Law:
    """Seconds as a constant and operations at one speed."""

    constant_s: float
    gflop_per_s: float

    def seconds(self, gflop: float) -> float:
        """What a step of so many operations should take."""
        return self.constant_s + gflop / self.gflop_per_s

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Self:
        """The law from which these cells are the least far off, each in parts of its own seconds."""
        measured = np.array([cell.seconds for cell in cells])
        shares = np.array([cell.gflop for cell in cells]) / measured
        terms = np.stack([1 / measured, shares], axis=1)
        constant_s, each_s = np.linalg.lstsq(terms, np.ones(len(cells)), rcond=None)[0]
        if constant_s < 0:  # no step is cheaper than its operations
            constant_s, each_s = 0.0, shares.sum() / (shares @ shares)
        return cls(constant_s=float(constant_s), gflop_per_s=float(1 / each_s))


@dataclass(frozen=True)
class Growth:
    """What was measured."""

    variant: str
    cells: list[Cell]
    prepared: list[dict[str, Any]]
    """Of each number of clips what preparing them took."""

    @cached_property
    def law(self) -> Law:
        """The law of the steps."""
        return Law.of(self.cells)

    def over_law(self, cell: Cell) -> float:
        """A step's seconds by those that the law has for it."""
        return cell.seconds / self.law.seconds(cell.gflop)

    @property
    def worst_over_fit(self) -> float:
        """Of the step that is the farthest over the law."""
        return round(max(map(self.over_law, self.cells)), 3)

    @property
    def costliest_over_cheapest_clip(self) -> float:
        """What a clip costs to prepare at the worst number of clips, by what it costs at the best."""
        each = [one["cpu_us_a_clip"] for one in self.prepared]
        return round(max(each) / min(each), 3)

    @property
    def peak_resident_gib(self) -> float:
        """The most memory that preparing took."""
        return float(max(one["peak_resident_gib"] for one in self.prepared))

    def as_dict(self) -> dict[str, Any]:
        """All of it, with what was expected, and whether it held."""
        found = {name: getattr(self, name) for name in EXPECTED}
        return {
            **found,
            "expected": EXPECTED,
            "held": {name: found[name] <= most for name, most in EXPECTED.items()},
            "variant": self.variant,
            "law": asdict(self.law),
            "steps": [asdict(cell) | {"over_fit": round(self.over_law(cell), 3)} for cell in self.cells],
            "prepared": self.prepared,
        }


def growth(
    model: str,
    *,
    batch_sizes: Sequence[int],
    windows_s: Sequence[float],
    clips: Sequence[int],
    threads: int,
    say: Callable[[str], None],
) -> Growth:
    """Measure a step of each size in each window, and preparing each number of clips; in processes of their own."""
    with tempfile.TemporaryDirectory(prefix="raytrain-weights-") as made:
        weights, variant = weights_folder(model, Path(made))
        cells = []
        for batch_size in batch_sizes:
            ladder = {
                "model": str(weights),
                "variant": variant,
                "batch_size": batch_size,
                "windows_s": list(windows_s),
                "label_tokens": LABEL_TOKENS,
                "repeats": _REPEATS,
                "threads": threads,
            }
            told = told_by(
                "raytrain.benchmarks.step_costs", json.dumps(ladder), threads=threads, timeout_s=None, **KEPT_MEMORY
            )
            for window_s, seconds in zip(windows_s, told["seconds"], strict=True):
                gflop = _gflop(variant, batch_size=batch_size, window_s=window_s)
                cells.append(Cell(batch_size=batch_size, window_s=window_s, gflop=gflop, seconds=seconds))
                say(f"{variant}, {batch_size} x {window_s:g} s: {seconds:.3f} s a step")
    prepared = []
    for number in clips:
        with tempfile.TemporaryDirectory(prefix="raytrain-clips-") as folder:
            told = told_by("raytrain.benchmarks.preparing", folder, str(number), threads=1)
        prepared.append(told)
        say(f"{number} clips: {told['cpu_us_a_clip']:g} µs each to prepare, {told['peak_resident_gib']:g} GiB at most")
    return Growth(variant, cells, prepared)


def _gflop(variant: str, *, batch_size: int, window_s: float) -> float:
    shape = StepShape(
        variant=VARIANTS[variant], batch_size=batch_size, window_s=window_s, label_tokens=LABEL_TOKENS, precision="fp32"
    )
    return batch_size * train_flops_per_clip(shape) / 1e9
