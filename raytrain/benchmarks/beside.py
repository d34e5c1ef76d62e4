"""Our training and scoring beside the usual recipe's: cells to measure in; clips a second of both, and ratios, out.

Each measurement is a process of its own, so that its memory is its own, and the two sides take turns: A B A B. On a CPU
a second is a CPU second, which does not depend on who else is at work.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, Self

from raytrain.cli import run_door
from raytrain.config.constants import GIB
from raytrain.errors import InputError
from raytrain.trial.nursery import KEPT_MEMORY

_REFUSED = 2
"""The status of a process that says what is wrong with its input."""
SIDES = ("ours", "peer")
_ENVIRONMENTS = {"ours": KEPT_MEMORY, "peer": {}}
"""What a trial of ours on a CPU is started with; a script of the recipe sets nothing."""
EXPECTED = {"train_ratio": 11.0, "eval_ratio": 14.0, "memory_ratio": 0.4}
"""On two cores, written down before they were measured: at least, at least, and at most."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What both sides do."""

    model: str
    """A folder of weights."""
    variant: str
    manifest: str
    batch_size: int
    accumulation: int
    steps: int
    scored: int
    """Clips that are scored after training, of other children."""
    precision: Literal["fp32", "bf16", "fp16"]
    threads: int


@dataclass(frozen=True)
class Clips:
    """The clips of a Work: both sides train on the same, and score the same."""

    corpus: Any
    """A prepared corpus."""
    train: list[int]
    scored: list[int]

    @classmethod
    def of(cls, work: Work) -> Self:
        """A fifth of the children is scored; InputError where there are too few clips."""
        from raytrain.speech.corpus import prepare

        corpus = prepare(Path(work.manifest))
        children = sorted(set(corpus.child_ids))
        held_out = set(children[: max(1, len(children) // 5)])
        wanted = work.batch_size * work.accumulation * work.steps
        train = [index for index, child in enumerate(corpus.child_ids) if child not in held_out]
        scored = [index for index, child in enumerate(corpus.child_ids) if child in held_out]
        if len(train) < wanted or len(scored) < work.scored:
            raise InputError(
                f"{work.manifest}: {len(train)} clips to train on and {len(scored)} of other children to score; "
                f"{wanted} and {work.scored} are wanted: give more, or fewer steps and scored clips"
            )
        return cls(corpus, train[:wanted], scored[: work.scored])


class Clock:
    """Wall and CPU seconds of a block, this process's threads all counted."""

    def __enter__(self) -> Self:
        self.wall_s, self.cpu_s = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.wall_s, self.cpu_s = time.perf_counter() - self.wall_s, time.process_time() - self.cpu_s


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one side took."""

    train_s: float
    train_cpu_s: float
    train_clips_per_s: float
    """A CPU second on a CPU, a second on a GPU."""
    eval_s: float
    eval_cpu_s: float
    eval_clips_per_s: float
    memory_gib: float
    """The most that training took: resident in all on a CPU, allocated on a GPU."""
    wer: float
    padding_share: float
    """Of the encoder's frames those that are no clip's."""

    @classmethod
    def of(cls, work: Work, training: Clock, scoring: Clock, *, wer: float, gib: float, padding: float) -> Self:
        import torch

        counted = "wall_s" if torch.cuda.is_available() else "cpu_s"
        trained = work.steps * work.batch_size * work.accumulation
        return cls(
            train_s=round(training.wall_s, 3),
            train_cpu_s=round(training.cpu_s, 3),
            train_clips_per_s=round(trained / getattr(training, counted), 4),
            eval_s=round(scoring.wall_s, 3),
            eval_cpu_s=round(scoring.cpu_s, 3),
            eval_clips_per_s=round(work.scored / getattr(scoring, counted), 4),
            memory_gib=round(gib, 3),
            wer=round(wer, 4),
            padding_share=round(padding, 4),
        )


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


def memory_gib() -> float:
    """The most memory so far."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def run_as_child(measure: Callable[[Work, Clips], Told]) -> None:
    """Do the work on the command line and print what was told."""

    def told() -> None:
        import torch

        work = Work(**json.loads(sys.argv[1]))
        torch.set_num_threads(work.threads)
        print(json.dumps(asdict(measure(work, Clips.of(work)))))

    run_door(told)


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
        runs[side].append(_run(side, cell))
    ours, peer = ({name: median(run[name] for run in runs[side]) for name in runs[side][0]} for side in SIDES)
    return {
        "cell": {**asdict(cell), "model": Path(cell.model).name, "manifest": Path(cell.manifest).parent.name},
        "train_ratio": round(ours["train_clips_per_s"] / peer["train_clips_per_s"], 3),
        "eval_ratio": round(ours["eval_clips_per_s"] / peer["eval_clips_per_s"], 3),
        "memory_ratio": round(ours["memory_gib"] / peer["memory_gib"], 3),
        "ours": ours,
        "peer": peer,
        "runs": runs,
    }


def _turns(rounds: int) -> Iterator[tuple[int, str]]:
    for number in range(1, rounds + 1):
        for side in SIDES:
            yield number, side


def _run(side: str, cell: Work) -> dict[str, float]:
    return told_by(f"raytrain.benchmarks.{side}", json.dumps(asdict(cell)), threads=cell.threads, **_ENVIRONMENTS[side])


def told_by(module: str, *arguments: str, threads: int, **environment: str) -> dict[str, Any]:
    """What a module of ours prints as its last line, run in a process of its own with so many threads."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip()[-2000:]
        raise InputError(said if done.returncode == _REFUSED else f"{module} ended with {done.returncode}: {said}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
