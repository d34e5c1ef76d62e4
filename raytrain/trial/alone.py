"""What Ray Train hands to the worker of a run of one: no process group, no barrier.

The worker imports this module. Ray's own TorchConfig brings torch with it, which a worker whose training is forked has
no use for.
"""

from typing import Any

import ray
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
