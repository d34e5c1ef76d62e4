"""A trial inside Tune: a Job in; its run on Ray Train, its rows reported to Tune, the last with an outcome, out."""

import re
from pathlib import Path
from typing import Any

import ray.tune
from ray.exceptions import RayError
from ray.train import Checkpoint, TrainingFailedError, UserCallback, WorkerGroupError
from ray.train.v2._internal.exceptions import WorkerHealthCheckTimeoutError
from ray.tune.integration.ray_train import CHECKPOINT_PATH_KEY, TuneReportCallback

from raytrain.results.records import WORST_OBJECTIVE, Outcome
from raytrain.trial.abandoned import free_abandoned
from raytrain.trial.job import Trial
from raytrain.trial.mend import mend
from raytrain.trial.trainer import make_trainer

_STARTS = 3
_LONGEST_REASON = 300
_OUT_OF_HOST_MEMORY = "running low on memory"
"""As Ray's memory monitor says of a worker that it killed."""
_ERRNO = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")


def drive_trial(payload: dict[str, Any]) -> None:
    """What Tune runs for each trial. An exception in the training ends this trial as failed, and no other."""
    trial: Trial = payload["trial"]
    for start in range(1, _STARTS + 1):
        free_abandoned()  # else this run could wait for room that a killed one, its own former self even, still holds
        try:
            mend(Path(trial.job.storage) / trial.job.name, trial.config.model, may_begin_anew=True)
            make_trainer(trial.job, callbacks=[_reporter(trial)]).fit()
            return
        except TrainingFailedError as error:
            # A worker that died goes on from its last checkpoint; what our own code raised it would raise again.
            starved = _OUT_OF_HOST_MEMORY in str(error)
            if start < _STARTS and _worker_died(error) and not starved:
                continue
            ray.tune.report(
                {
                    "finished": True,
                    "outcome": str(Outcome.OUT_OF_MEMORY if starved else Outcome.FAILED),
                    "reason": reason(error),
                    "errno": errno_of(_failure(error)),
                    "objective": WORST_OBJECTIVE,
                }
            )
            return


class _Reports(UserCallback):
    """Hands rows on from a controller in this very process, as Ray's own callback does from another, by a queue."""

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None) -> None:
        """Report what rank 0 says."""
        at = {CHECKPOINT_PATH_KEY: checkpoint.path} if checkpoint is not None else {}
        ray.tune.report(metrics[0] | at)


def _reporter(trial: Trial) -> UserCallback:
    return _Reports() if trial.config.scaling.num_workers == 1 else TuneReportCallback()


def reason(error: TrainingFailedError | RayError) -> str:
    """The last line of what went wrong: on the first rank that says so, or in the controller."""
    return one_line(_failure(error))


def one_line(failure: Exception) -> str:
    """What a failure says last; of a worker that does not answer Ray first, since an address follows."""
    lines = str(failure).strip().splitlines()
    if isinstance(failure, WorkerHealthCheckTimeoutError):
        lines = lines[:1]
    said = f"{type(failure).__name__}: {lines[-1] if lines else ''}".removesuffix(": ")
    return said if len(said) <= _LONGEST_REASON else f"{said[:_LONGEST_REASON]}…"


def errno_of(failure: BaseException) -> int | None:
    """The operating system's error number behind a failure; None where there is none."""
    if isinstance(failure, OSError) and failure.errno is not None:
        return failure.errno
    return errno_in(str(failure))


def errno_in(text: str) -> int | None:
    """The error number that a text names: Rust and Python write it in one form each, in every language."""
    number = _ERRNO.search(text)
    return int(number[1] or number[2]) if number else None


def _failure(error: TrainingFailedError | RayError) -> Exception:
    """What the first failing rank raised, or the controller's own fault."""
    if isinstance(error, WorkerGroupError) and error.worker_failures:
        return error.worker_failures[min(error.worker_failures)]
    return error


def _worker_died(error: TrainingFailedError) -> bool:
    return isinstance(error, WorkerGroupError) and all(
        isinstance(failure, RayError) or type(failure).__module__.startswith("ray.")
        for failure in error.worker_failures.values()
    )
