"""One run on Ray Train: a Job in, the TorchTrainer that starts it or goes on with it out. None is made elsewhere."""

from pathlib import Path
from typing import Any

from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig, UserCallback
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.queue import Queue

from raytrain.trial.job import Job
from raytrain.trial.remote_runs import RemoteRuns
from raytrain.trial.run_progress import forget_progress
from raytrain.trial.train_private import LoneTrainer
from raytrain.trial.worker import train_worker

_NODE = "ray.io/node-id"
"""The label that Ray puts on every machine."""


def make_trainer(
    job: Job, *, callbacks: list[UserCallback] | None = None, messages: Queue | None = None
) -> TorchTrainer:
    """A trainer whose run, if one of this name is in the storage, goes on from its last checkpoint; `mend` it first."""
    forget_progress(Path(job.storage) / job.name)
    kept_in: dict[str, Any] = {"storage_path": job.storage}
    if job.remote is not None:
        remote = RemoteRuns(job.remote)
        remote.forget_progress(job.name)
        kept_in = remote.for_ray()
    num_workers = job.config.scaling.num_workers
    resources: dict[str, float] = {"CPU": job.share.cpus}
    if job.share.use_gpu:
        resources["GPU"] = job.share.gpu_fraction
    arguments: dict[str, Any] = {
        "train_loop_per_worker": train_worker,
        "train_loop_config": {"job": job, "messages": messages},
        "scaling_config": ScalingConfig(
            num_workers=num_workers,
            use_gpu=job.share.use_gpu,
            resources_per_worker=resources,
            label_selector={_NODE: f"in({','.join(job.share.node_ids)})"} if job.share.node_ids else None,
        ),
        "run_config": RunConfig(
            name=job.name,
            **kept_in,
            callbacks=callbacks or [],
            failure_config=FailureConfig(max_failures=0),
            checkpoint_config=CheckpointConfig(
                num_to_keep=job.keep_best or 1,
                checkpoint_score_attribute="eval_wer" if job.keep_best is not None else None,
                checkpoint_score_order="min",
            ),
        ),
    }
    if num_workers == 1:
        return LoneTrainer(asks_for_machines=job.may_move, **arguments)
    # NCCL refuses two ranks on one card.
    one_card_each = job.share.use_gpu and job.share.gpu_fraction == 1
    return TorchTrainer(
        torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if one_card_each else "gloo"), **arguments
    )
