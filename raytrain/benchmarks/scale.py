"""A study of many trials that train nothing, on the real Tune, proposals, recorder and files: what its driver takes.

Each trial holds its share of a card that is not there for a while and reports what a surface of our own says of its
values, at each rung. Tune's processes are kept from one trial to the next: what a trial's own processes take is the
trial's, and measured elsewhere (`bench start`).
"""

import math
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline, load_space
from raytrain.results.description import Description
from raytrain.results.records import Outcome, TrialRecord
from raytrain.study.run_study import run_study
from raytrain.study.study import Study
from raytrain.study.watcher import RunningTrial, Watcher
from raytrain.trial import cluster
from raytrain.trial.inputs import inputs_of
from raytrain.trial.job import Trial

SLOTS = 8
TRIAL_S = 4.0
"""Which a rehearsal ends with, and no study has."""
LIMIT = 1.05
"""Of the ideal time, that a study of trials of a minute may take."""
_SETTLED = 20
"""Trials after which all is loaded that a driver ever loads."""
_PARTS = 10
"""Of a study: each tells what a trial costs by then."""
RUNGS = 3
_SPACE = (
    "vary={training.learning_rate: {low: 1e-6, high: 1e-3, log: true}, model.dropout: {low: 0.0, high: 0.3}, "
    "training.weight_decay: {low: 0.0, high: 0.1}}",
    "keep={}", "search.worth_wer=null", "search.finalists=0", "scheduler.name=asha", "scheduler.first_rung_examples=20",
    "budget.examples=null",
)  # fmt: skip


class Taken:
    """What this process has taken, each time that a part of a study's trials has ended."""

    def __init__(self, trials: int) -> None:
        self._every = max(1, trials // _PARTS)
        self._marks: list[tuple[int, float, float]] = []
        self.started_s: float | None = None
        """When the first trial started: all that a driver imports is there, and Ray."""
        self.started_cpu_s = 0.0
        self.base_mib = 0.0

    def starts(self) -> None:
        if self.started_s is None:
            self.started_s, self.started_cpu_s, self.base_mib = time.monotonic(), used_cpu_s(), resident_mib()
            self._marks.append((0, self.started_cpu_s, self.base_mib))

    def ends(self, ended: int) -> None:
        if ended in (_SETTLED, ended // self._every * self._every):
            self._marks.append((ended, used_cpu_s(), resident_mib()))

    def told(self) -> dict[str, Any]:
        """CPU milliseconds a trial in each part, and how much memory has grown since the first trials had ended."""
        parts = [
            round(1000 * (after[1] - before[1]) / (after[0] - before[0]), 1) for before, after in pairwise(self._marks)
        ]
        settled = next((mib for ended, _, mib in self._marks if ended >= _SETTLED), self.base_mib)
        ended, cpu_s, mib = self._marks[-1]
        return {
            "cpu_ms_per_trial": round(1000 * (cpu_s - self._marks[0][1]) / max(1, ended), 1),
            "cpu_ms_by_part": parts,
            "base_mib": round(self.base_mib, 1),
            "grown_mib": round(mib - settled, 1),
        }


class _Starts(Watcher):
    """Tells when trials start and end."""

    def __init__(self, taken: Taken) -> None:
        self._taken, self._ended = taken, 0

    def starts(self, trial: RunningTrial) -> None:
        self._taken.starts()

    def ends(self, record: TrialRecord) -> None:
        self._ended += 1
        self._taken.ends(self._ended)


def measure_scale(trials: int, *, folder: Path, slots: int = SLOTS, trial_s: float = TRIAL_S) -> dict[str, Any]:
    """Figures of the driver over a study of so many trials, and over going on with it for one more.

    The ideal time is that of the same trials, each as long as it is, with no gap between them: `added_s` is the gap
    before each. A trial of a real study takes minutes; `at_a_minute` is what the same gap makes of trials of one, by
    which the limit is. `load` is of the whole machine, a core: above 1 gaps say more of it than of the driver, and CPU
    seconds less. Raises RuntimeError where a trial was lost or told twice.
    """
    study = rehearsed_study(folder, trials=trials, slots=slots)
    cluster.connect(num_cpus=slots, num_gpus=slots)
    try:
        taken, began_s = Taken(trials), time.monotonic()
        with counted_syncs() as syncs:
            records, _ = run_study(study, on_end=lambda record: None, watcher=_Starts(taken), rehearse=pretend(trial_s))
        ended_s = time.monotonic()
        if sorted(record.number for record in records) != list(range(trials)):
            raise RuntimeError(f"{trials} trials were asked for, and {len(records)} are in the ledger")
        resumed = _resumed(study, trials=trials + 1, trial_s=trial_s)
    finally:
        cluster.disconnect()
    seconds = ended_s - (taken.started_s or ended_s)
    ideal_s = sum(_lasts_s(record, trial_s) for record in records) / slots
    added_s = (seconds - ideal_s) * slots / trials
    return {
        "trials": trials,
        "slots": slots,
        "trial_s": trial_s,
        "pruned": sum(record.outcome is Outcome.PRUNED for record in records),
        "seconds": round(seconds, 1),
        "ideal_s": round(ideal_s, 1),
        "ratio": round(seconds / ideal_s, 3),
        "added_s": round(added_s, 3),
        "at_a_minute": round(1 + added_s / 60, 4),
        "proposals_per_s": round(trials / seconds, 2),
        **taken.told(),
        "load": round(os.getloadavg()[0] / (os.cpu_count() or 1), 1),
        "starts_s": round((taken.started_s or ended_s) - began_s, 2),
        **resumed,
        "syncs": syncs[0],
        "bytes": sizes(folder),
    }


@contextmanager
def counted_syncs() -> Iterator[list[int]]:
    """How often this process waits for a disk within the block, in a list of one number."""
    count, own = [0], os.fsync

    def sync(fd: Any) -> None:
        count[0] += 1
        own(fd)

    os.fsync = sync
    try:
        yield count
    finally:
        os.fsync = own


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of a study's own files."""
    return {name: (folder / name).stat().st_size for name in ("trials.jsonl", "events.jsonl", "optuna.db")}


def rehearsed_study(folder: Path, *, trials: int, slots: int, share: str = "1.0", at_once: int | None = None) -> Study:
    """A study on the corpus in the package, which no trial of it opens."""
    baseline = load_baseline(
        "tiny",
        ["model.pretrained=null", "tracking.wandb=disabled", "tracking.tensorboard=false", "scaling.use_gpu=true",
         f"scaling.gpu_fraction={share}"],
    )  # fmt: skip
    asked = (f"search.trials={trials}", f"search.max_concurrent={at_once or slots}")
    space = load_space("smoke", [*_SPACE, *asked], baseline=baseline)
    description = Description(baseline_name="tiny", baseline=baseline, space_name="scale", space=space)
    folder.mkdir(parents=True)
    return Study(folder=folder, description=description, inputs=inputs_of(baseline))


def pretend(trial_s: float) -> Any:
    """What drives a trial: it lasts so long in all, and tells a WER at each rung."""

    def drive(payload: dict[str, Any]) -> None:
        import ray.tune

        trial: Trial = payload["trial"]
        history: list[dict[str, Any]] = []
        for rung in range(1, RUNGS + 1):
            time.sleep(trial_s / RUNGS)
            row = reported(trial, rung)
            history.append({name: row[name] for name in ("step", "examples_seen", "eval_wer")})
            ray.tune.report(row | {"history": list(history)})

    return drive


def reported(trial: Trial, rung: int) -> dict[str, Any]:
    """What a trial tells at a rung, from 1 to RUNGS."""
    config, finished = trial.config, rung == RUNGS
    seen = (trial.job.end_at_examples or 100) * rung // RUNGS
    wer = wer_of(config, seen=seen)
    ends = {"finished": True, "outcome": str(Outcome.COMPLETED)} if finished else {}
    return {"step": seen // 8, "examples_seen": seen, "eval_wer": wer, "best_eval_wer": wer, "objective": wer, **ends}


def wer_of(config: Baseline, *, seen: int) -> float:
    """What the surface of these rehearsals says after so many examples."""
    rate, dropout = config.training.learning_rate, config.model.dropout
    return 0.15 + 0.05 * abs(math.log10(rate / 3e-5)) + 0.2 * abs(dropout - 0.1) + 2 / (seen + 10)


def _lasts_s(record: TrialRecord, trial_s: float) -> float:
    return trial_s * max(1, len(record.history)) / RUNGS


def _resumed(study: Study, *, trials: int, trial_s: float) -> dict[str, float]:
    """From the start of a process's work on a study that goes on, to its first trial's start: seconds of the wall, in
    which Ray starts processes, too, and of this process's CPU."""
    search = study.space.search.model_copy(update={"trials": trials})
    space = study.space.model_copy(update={"search": search})
    again = replace(study, description=replace(study.description, space=space))
    taken, began_s, began_cpu_s = Taken(trials), time.monotonic(), used_cpu_s()
    run_study(again, on_end=lambda record: None, watcher=_Starts(taken), rehearse=pretend(trial_s))
    return {
        "resumed_s": round((taken.started_s or time.monotonic()) - began_s, 2),
        "resumed_cpu_s": round(taken.started_cpu_s - began_cpu_s, 2),
    }


def resident_mib() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)


def used_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
