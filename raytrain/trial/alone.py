"""What Ray Train hands to the worker of a run of one: no process group, no barrier, and whom rows are told to.

The worker imports this module, and with it neither torch, which comes with Ray's own TorchConfig, nor Tune: it has no
use for them where its training is forked.
"""

from typing import Any

import ray
from ray.train import Checkpoint, UserCallback
from ray.train.backend import BackendConfig
from ray.train.v2._internal.util import TrainingFramework


class Alone(BackendConfig):
    """A single rank has nobody to talk to: a process group of its own would only listen on every interface."""

    backend = "none"
    """TorchTrainer chooses one where none is named."""

    @property
    def framework(self) -> TrainingFramework:
        """As TorchConfig says."""
        return TrainingFramework.TORCH


class _Lone:
    """What a rank alone is told by the barrier of all: what it says itself."""

    @staticmethod
    def remote(*, data: Any, **of_the_others: Any) -> Any:
        return ray.put(data)


class NoBarrier:
    """In place of the actor in which ranks wait for each other."""

    broadcast_from_rank_zero = _Lone

    @classmethod
    def options(cls, **asked: Any) -> type["NoBarrier"]:
        return cls

    @classmethod
    def remote(cls, **asked: Any) -> "NoBarrier":
        return cls()


class Reports(UserCallback):
    """Hands rows on from a controller in a trial's driver, as Ray's own callback does from another process, by a queue.
    The worker gets it as a part of the run's settings, and calls nothing of it."""

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None) -> None:
        """Report what rank 0 says."""
        from ray import tune
        from ray.tune.integration.ray_train import CHECKPOINT_PATH_KEY

        at = {CHECKPOINT_PATH_KEY: checkpoint.path} if checkpoint is not None else {}
        tune.report(metrics[0] | at)
