"""What tracking costs: a study's trials, as the driver tracks them, in; seconds a trial and microseconds a step out.

Rows are made up and nothing is trained: all the time measured is the trackers'. They live in the driver; a worker only
writes, now and then, how far it is, and what that adds to a step is measured beside it.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import wandb

from raytrain.config.baseline import Baseline, Tracking
from raytrain.study.study import trial_name
from raytrain.tracking.background import Background, LaterRun
from raytrain.tracking.content import trial_run
from raytrain.tracking.tracked_run import open_run
from raytrain.trial.run_progress import ProgressFile

ROWS = 5
"""Rows that a trial sends: of the weights as they come, some rungs and the end."""
LIMIT_S = 0.3
"""CPU seconds that W&B may take for a trial; how long its server takes to answer is the network's affair."""
_STEPS = 100_000


def measure_tracking(config: Baseline, *, mode: str, trials: int, folder: Path) -> dict[str, Any]:
    """Seconds of so many trials with W&B in this mode, after one that starts its service; CPU seconds of all processes.

    `trial_s` is what the study waits for, `behind_s` how long the trackers work on it meanwhile.
    """
    tracking = config.tracking.model_copy(update={"wandb": mode, "tensorboard": False})
    background = Background()
    began = _cpu_s()
    first, *rest = [_trial(config, tracking, number, folder, background) for number in range(trials + 1)]
    wandb.teardown()  # its service counts among the children once it has ended
    cpu_s = _cpu_s() - began
    return {
        "trials": trials,
        "rows": ROWS,
        "first_behind_s": round(first["behind_s"], 4),
        **{part: _spread([parts[part] for parts in rest]) for part in first},
        "cpu_s_per_trial": round(cpu_s / (trials + 1), 4),
    }


def measure_steps() -> dict[str, float]:
    """Microseconds that reporting its progress adds to a training step, the few writes counted in."""
    with tempfile.TemporaryDirectory() as folder:
        file = ProgressFile(Path(folder))
        began = time.perf_counter()
        for step in range(_STEPS):
            file.tell("training", step, _STEPS)
        seconds = time.perf_counter() - began
    return {"progress_us": round(1e6 * seconds / _STEPS, 3)}


def _trial(config: Baseline, tracking: Tracking, number: int, folder: Path, background: Background) -> dict[str, float]:
    content = trial_run(folder.name, trial_name(number), number=number, config=config, space_name="overhead")
    began = time.perf_counter()
    run = LaterRun(partial(open_run, tracking, content, folder=folder), background=background)
    for place in range(ROWS):
        run.log(_row(examples_seen=1000 * place))
    run.finish("completed", _row(examples_seen=1000 * ROWS))
    sent = time.perf_counter()
    background.wait(60)
    return {"trial_s": sent - began, "behind_s": time.perf_counter() - sent}


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 5), "max": round(max(values), 5)}


def _row(*, examples_seen: int) -> dict[str, Any]:
    """A made-up row, as wide as a real one."""
    return {
        "examples_seen": examples_seen,
        "step": examples_seen // 36,
        "train_loss": 1.5,
        "learning_rate": 1e-5,
        "grad_norm": 2.0,
        "train_examples_per_s": 60.0,
        "eval_wer": 0.2,
        "best_eval_wer": 0.2,
        "wer_by_age_bucket": {"3-4": 0.3, "5-7": 0.2, "8-11": 0.15, "12+": 0.1},
        "word_errors": {"substitutions": 10, "deletions": 5, "insertions": 2, "hits": 100},
        "peak_memory_reserved_gib": 6.0,
        "peak_memory_allocated_gib": 5.5,
    }


def _cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])
