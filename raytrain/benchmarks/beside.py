"""Our training and scoring beside the usual recipe's: cells to measure in; clips a second of both, and ratios, out.

Each measurement is a process of its own, so that its memory is its own, and the two sides take turns: A B A B. On a CPU
a second is a CPU second, which does not depend on who else is at work.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from raytrain.benchmarks.work import Work
from raytrain.errors import InputError
from raytrain.trial.nursery import KEPT_MEMORY

_REFUSED = 2
"""The status of a process that says what is wrong with its input."""
SIDES = ("ours", "peer")
_ENVIRONMENTS = {"ours": KEPT_MEMORY, "peer": {}}
"""What a trial of ours on a CPU is started with; a script of the recipe sets nothing."""
EXPECTED = {"train_ratio": 11.0, "eval_ratio": 14.0, "memory_ratio": 0.4}
"""On two cores, written down before they were measured: at least, at least, and at most."""


def weights_folder(name: str, made: Path) -> tuple[Path, str]:
    """The folder of these weights, and their variant. A variant's name gives random ones, put into a folder below
    `made`: speed and memory are those of its shape, and its WER means nothing."""
    from raytrain.config.baseline import Audio, Model
    from raytrain.whisper import weights
    from raytrain.whisper.sound import require_whisper, variant_of
    from raytrain.whisper.variants import VARIANTS

    if name not in VARIANTS:
        folder = weights.locate(name)
        require_whisper(folder)
        variant = variant_of(folder)
        if variant is None:
            raise InputError(f"{name}: of no variant's shape; name weights of {', '.join(VARIANTS)}")
        return folder, variant
    whisper = weights.load(Model.model_validate({"variant": name, "pretrained": None}), seed=0)
    weights.save(whisper, made / name, window=Audio(), extra={})
    return made / name, name


def compare(cells: Iterable[Work], *, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Both sides on each of these cells, by turns. `train_ratio` and `eval_ratio` are the lowest of all cells, ours by
    the peer's clips a second; `memory_ratio` the highest; `ours` and `peer` what the cell of the lowest told."""
    told = []
    for cell in cells:
        one = _compared(cell, rounds, say)
        ratios = ", ".join(f"{name} {one[name]:g}" for name in EXPECTED)
        say(f"{cell.variant} {cell.batch_size} x {cell.accumulation} {cell.precision}: {ratios}")
        told.append(one)
    lowest = min(told, key=lambda one: one["train_ratio"])
    return {
        "train_ratio": lowest["train_ratio"],
        "eval_ratio": min(one["eval_ratio"] for one in told),
        "memory_ratio": max(one["memory_ratio"] for one in told),
        **{side: lowest[side] for side in SIDES},
        "cells": told,
        "expected": EXPECTED,
    }


def _compared(cell: Work, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for number, side in _turns(rounds):
        say(f"round {number} of {rounds}: {side}")
        runs[side].append(told_of(side, cell))
    ours, peer = (_medians(runs[side]) for side in SIDES)
    return {
        "cell": {**asdict(cell), "model": Path(cell.model).name, "manifest": Path(cell.manifest).parent.name},
        **ratios(ours, peer),
        "ours": ours,
        "peer": peer,
        "runs": runs,
    }


def ratios(ours: dict[str, Any], peer: dict[str, Any], *, train: str = "train_clips_per_s") -> dict[str, float]:
    """Ours by the peer's; `train` is the figure that training is compared by."""
    figures = {"train_ratio": train, "eval_ratio": "eval_clips_per_s", "memory_ratio": "memory_gib"}
    return {ratio: round(ours[figure] / peer[figure], 3) for ratio, figure in figures.items()}


def _turns(rounds: int) -> Iterator[tuple[int, str]]:
    for number in range(1, rounds + 1):
        for side in SIDES:
            yield number, side


def _medians(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of each figure; null where a run has none."""
    figures = {name: [run[name] for run in runs] for name in runs[0]}
    return {name: None if None in values else median(values) for name, values in figures.items()}


def told_of(side: str, cell: Work, *, timeout_s: float | None = None) -> dict[str, Any]:
    """What a side tells of this work; subprocess.TimeoutExpired where it takes longer."""
    return told_by(
        f"raytrain.benchmarks.{side}",
        json.dumps(asdict(cell)),
        threads=cell.threads,
        timeout_s=timeout_s,
        **(_ENVIRONMENTS[side] if cell.device == "cpu" else {}),
    )


def told_by(
    module: str, *arguments: str, threads: int, timeout_s: float | None = None, **environment: str
) -> dict[str, Any]:
    """What a module of ours prints as its last line, run in a process of its own with so many threads."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    if done.returncode:
        said = done.stderr.strip()[-2000:]
        raise InputError(said if done.returncode == _REFUSED else f"{module} ended with {done.returncode}: {said}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
