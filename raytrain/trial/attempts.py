"""A run whose workers may die: what starts it in; the same started again, where that helps, until it has ended, out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ray.exceptions import RayActorError, RayError
from ray.train import TrainingFailedError, WorkerGroupError

from raytrain.trial.abandoned import free_abandoned
from raytrain.trial.hardware import wait_for_nodes
from raytrain.trial.job import Job
from raytrain.trial.mend import mend
from raytrain.trial.notice import TakenAway
from raytrain.trial.remote_runs import RemoteRuns

_STARTS = 3
_OUT_OF_HOST_MEMORY = "running low on memory"
"""As Ray's memory monitor says of a worker that it killed."""


def run_to_its_end(job: Job, start: Callable[[Job], object]) -> None:
    """Start the run, from its last checkpoint where it has one, and again where its worker died.

    TrainingFailedError is the last failure. A machine that was taken away with notice counts for none: that may happen
    as often as it will. What our own code raised it would raise again.
    """
    deaths = 0
    while True:
        free_abandoned()  # else this run could wait for room that a killed one, its own former self even, still holds
        if job.remote is not None:
            RemoteRuns(job.remote).mend(job.name)
        else:
            mend(Path(job.storage) / job.name, job.config.model, may_begin_anew=True)
        try:
            start(job)
            return
        except TrainingFailedError as error:
            if not was_taken_away(error):
                deaths += 1
                if deaths == _STARTS or not _worker_died(error) or starved(error):
                    raise
        if job.may_move:
            nodes = wait_for_nodes(job.share.node_ids, gib=job.share.gpu_share_gib, fraction=job.share.gpu_fraction)
            job = replace(job, share=replace(job.share, node_ids=nodes))


def starved(error: TrainingFailedError) -> bool:
    """Whether Ray ended the worker since its machine was short of memory: it would be so again."""
    return _OUT_OF_HOST_MEMORY in str(error)


def was_taken_away(error: TrainingFailedError) -> bool:
    """Whether a machine of the run was taken away, of which Ray knew beforehand."""
    return isinstance(error, WorkerGroupError) and any(
        isinstance(failure, TakenAway) or (isinstance(failure, RayActorError) and failure.preempted)
        for failure in error.worker_failures.values()
    )


def _worker_died(error: TrainingFailedError) -> bool:
    return isinstance(error, WorkerGroupError) and all(
        isinstance(failure, RayError) or type(failure).__module__.startswith("ray.")
        for failure in error.worker_failures.values()
    )
