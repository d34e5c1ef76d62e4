"""A study of many trials that train nothing, on the real Tune, proposals, recorder and files: what its driver takes.

Each trial holds its share of a card that is not there for a while and reports what a surface of our own says of its
values, at each rung. Tune's processes are kept from one trial to the next: what a trial's own processes take is the
trial's, and measured elsewhere (`bench start`).
"""

import math
import os
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

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
TRIAL_S = 2.0
LIMIT = 1.05
"""Of the ideal time, that a study of 1,000 trials may take."""
_RUNGS = 3
_SPACE = (
    "vary={training.learning_rate: {low: 1e-6, high: 1e-3, log: true}, model.dropout: {low: 0.0, high: 0.3}, "
    "training.weight_decay: {low: 0.0, high: 0.1}}",
    "keep={}", "search.worth_wer=null", "search.finalists=0", "scheduler.name=asha", "scheduler.first_rung_examples=20",
    "budget.examples=null",
)  # fmt: skip


class _Starts(Watcher):
    """When the first trial started, and what this process held in memory then: all that it imports is there."""

    first_s: float | None = None
    first_mib = 0.0

    def starts(self, trial: RunningTrial) -> None:
        if self.first_s is None:
            self.first_s, self.first_mib = time.monotonic(), _resident_mib()


def measure_scale(trials: int, *, folder: Path, slots: int = SLOTS, trial_s: float = TRIAL_S) -> dict[str, Any]:
    """Figures of the driver over a study of so many trials, and over going on with it for one more.

    `load` is of the whole machine, a core: above 1 the ratio says more of it than of the driver.

    Seconds are of the wall but for cpu_s; `ratio` is of the time that the same trials would take with no gap between
    them. Raises RuntimeError where a trial was lost or told twice.
    """
    study = rehearsed_study(folder, trials=trials, slots=slots)
    cluster.connect(num_cpus=slots, num_gpus=slots)
    try:
        before_s = _cpu_s()
        starts, began_s = _Starts(), time.monotonic()
        records, _ = run_study(study, on_end=lambda record: None, watcher=starts, rehearse=pretend(trial_s))
        seconds = time.monotonic() - (starts.first_s or began_s)
        cpu_s, grown_mib = _cpu_s() - before_s, _resident_mib() - starts.first_mib
        if sorted(record.number for record in records) != list(range(trials)):
            raise RuntimeError(f"{trials} trials were asked for, and {len(records)} are in the ledger")
        ideal_s = sum(_lasts_s(record, trial_s) for record in records) / slots
        resumed_s = _resumed_s(study, trials=trials + 1, trial_s=trial_s)
    finally:
        cluster.disconnect()
    size = {name: (folder / name).stat().st_size for name in ("trials.jsonl", "events.jsonl", "optuna.db")}
    return {
        "trials": trials,
        "slots": slots,
        "trial_s": trial_s,
        "pruned": sum(record.outcome is Outcome.PRUNED for record in records),
        "seconds": round(seconds, 1),
        "ideal_s": round(ideal_s, 1),
        "ratio": round(seconds / ideal_s, 3),
        "proposals_per_s": round(trials / seconds, 2),
        "cpu_s": round(cpu_s, 1),
        "cpu_ms_per_trial": round(1000 * cpu_s / trials, 1),
        "grown_mib": round(grown_mib, 1),
        "load": round(os.getloadavg()[0] / (os.cpu_count() or 1), 1),
        "resumed_s": round(resumed_s, 2),
        "bytes": size,
    }


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
        budget = trial.job.end_at_examples or 100
        history: list[dict[str, Any]] = []
        for rung in range(1, _RUNGS + 1):
            time.sleep(trial_s / _RUNGS)
            row = _row(trial, seen=budget * rung // _RUNGS, finished=rung == _RUNGS)
            history.append({name: row[name] for name in ("step", "examples_seen", "eval_wer")})
            ray.tune.report(row | {"history": list(history)})

    return drive


def _row(trial: Trial, *, seen: int, finished: bool) -> dict[str, Any]:
    config = trial.config
    rate, dropout = config.training.learning_rate, config.model.dropout
    wer = 0.15 + 0.05 * abs(math.log10(rate / 3e-5)) + 0.2 * abs(dropout - 0.1) + 2 / (seen + 10)
    ends = {"finished": True, "outcome": str(Outcome.COMPLETED)} if finished else {}
    return {"step": seen // 8, "examples_seen": seen, "eval_wer": wer, "best_eval_wer": wer, "objective": wer, **ends}


def _lasts_s(record: TrialRecord, trial_s: float) -> float:
    return trial_s * max(1, len(record.history)) / _RUNGS


def _resumed_s(study: Study, *, trials: int, trial_s: float) -> float:
    """From the start of a process's work on a study that goes on, to its first trial's start."""
    search = study.space.search.model_copy(update={"trials": trials})
    space = study.space.model_copy(update={"search": search})
    again = replace(study, description=replace(study.description, space=space))
    starts, began_s = _Starts(), time.monotonic()
    run_study(again, on_end=lambda record: None, watcher=starts, rehearse=pretend(trial_s))
    return (starts.first_s or time.monotonic()) - began_s


def _resident_mib() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
