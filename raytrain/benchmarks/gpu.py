"""A GPU measured in one go: weights, clips and minutes in; checks, speed beside the usual recipe, caps and memory out.

Every part is made of processes of its own and has an end; what a part leaves of its time goes to those after it, and
what was not reached is said. Nothing here needs Ray, a tracker or a network.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from raytrain.benchmarks.gpu_caps import caps
from raytrain.benchmarks.gpu_parts import checks, memory, step
from raytrain.benchmarks.gpu_run import Asked, GpuRun
from raytrain.errors import InputError


class Part(NamedTuple):
    """A part of the bench."""

    name: str
    measure: Callable[[GpuRun], None]
    share: float
    """Of the minutes, if all parts are measured."""


PARTS = (Part("checks", checks, 0.15), Part("step", step, 0.45), Part("caps", caps, 0.17), Part("memory", memory, 0.23))
EXPECTED: dict[str, Any] = {
    "train_ratio": 6.0,
    "eval_ratio": 10.0,
    "memory_ratio": 0.55,
    "mfu": 0.4,
    "predicted_by_measured": [1.0, 1.15],
}
"""Written down before any was measured: at least, at least, at most, at least, and within. Of small, 12 x 3."""


def measure_gpu(
    asked: Asked,
    *,
    keep: Callable[[dict[str, Any]], None],
    say: Callable[[str], None],
    parts: Sequence[Part] = PARTS,
) -> dict[str, Any]:
    """All that was found. `keep` is given it after each thing that is: whoever is cut off has the rest."""
    found: dict[str, Any] = {"device": asked.device, "minutes": asked.minutes, "not_reached": [], "expected": EXPECTED}
    began_s, all_shares = time.monotonic(), sum(part.share for part in parts)
    with tempfile.TemporaryDirectory(prefix="raytrain-gpu-") as folder:
        run = GpuRun(asked, Path(folder), found, lambda: keep(found), say, began_s + 60 * asked.minutes)
        run.prepare()
        for number, part in enumerate(parts, start=1):
            share = sum(one.share for one in parts[:number]) / all_shares
            run.ends_s = began_s + 60 * asked.minutes * share
            try:
                part.measure(run)
            except (TimeoutError, subprocess.TimeoutExpired):
                run.missed(f"{part.name}, or the rest of it")
            except InputError as error:  # the others can still be measured
                found[part.name] = found.get(part.name, {}) | {"broke_down": str(error)}
                say(f"{part.name}: {error}")
            keep(found)
    found |= {"held": held(found), "seconds": round(time.monotonic() - began_s, 1)}
    keep(found)
    return found


def held(found: dict[str, Any]) -> dict[str, bool]:
    """Of what was expected, and measured, what holds. Of speed and memory nothing is expected of a CPU."""
    beside = found.get("step", {}).get("beside", {}) if found["device"] == "cuda" else {}
    ratios = found.get("memory", {}).get("summary", {})
    rows = found.get("checks", {}).get("rows", [])
    low, high = EXPECTED["predicted_by_measured"]
    known: dict[str, bool | None] = {
        "checks": all(row["held"] is not False for row in rows) if rows else None,
        **{name: _reaches(beside.get(name), EXPECTED[name]) for name in ("train_ratio", "eval_ratio", "mfu")},
        "memory_ratio": beside["memory_ratio"] <= EXPECTED["memory_ratio"] if beside else None,
        "predicted_by_measured": low <= ratios["min"] and ratios["max"] <= high if ratios.get("points") else None,
        "caps": found.get("caps", {}).get("held"),
    }
    return {name: holds for name, holds in known.items() if holds is not None}


def _reaches(value: float | None, least: float) -> bool | None:
    return None if value is None else value >= least
