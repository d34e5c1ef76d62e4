"""A trial inside Tune: a Job in; its run on Ray Train, its rows reported to Tune, the last with an outcome, out."""

import re
from typing import Any

import ray.tune
from ray.exceptions import RayError
from ray.train import TrainingFailedError, UserCallback, WorkerGroupError
from ray.train.v2._internal.exceptions import WorkerHealthCheckTimeoutError
from ray.tune.integration.ray_train import TuneReportCallback

from raytrain.results.records import WORST_OBJECTIVE, Outcome
from raytrain.trial.alone import Reports
from raytrain.trial.attempts import run_to_its_end, starved
from raytrain.trial.job import Trial

_LONGEST_REASON = 300
_ERRNO = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")


def drive_trial(payload: dict[str, Any]) -> None:
    """What Tune runs for each trial. An exception in the training ends this trial as failed, and no other."""
    from raytrain.trial.trainer import make_trainer  # imports torch, of which a study that hands this on has no use

    trial: Trial = payload["trial"]
    try:
        run_to_its_end(trial.job, lambda job: make_trainer(job, callbacks=[_reporter(trial)]).fit())
    except TrainingFailedError as error:
        ray.tune.report(
            {
                "finished": True,
                "outcome": str(Outcome.OUT_OF_MEMORY if starved(error) else Outcome.FAILED),
                "reason": reason(error),
                "errno": errno_of(_failure(error)),
                "objective": WORST_OBJECTIVE,
            }
        )


def _reporter(trial: Trial) -> UserCallback:
    return Reports() if trial.config.scaling.num_workers == 1 else TuneReportCallback()


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


def words_of(reason: str) -> str:
    """What a fault with a number says behind that."""
    return reason[found.end() :].strip() if (found := _ERRNO.search(reason)) else reason


def _failure(error: TrainingFailedError | RayError) -> Exception:
    """What the first failing rank raised, or the controller's own fault."""
    if isinstance(error, WorkerGroupError) and error.worker_failures:
        return error.worker_failures[min(error.worker_failures)]
    return error
