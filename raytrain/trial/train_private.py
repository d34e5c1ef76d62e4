"""The one place that reaches into Ray Train: a run of one worker in; the same run with no process but the worker, out.

Ray Train gives a run's controller, the barrier of its ranks, the shards of its datasets, the cleaner of its placement
group and its requests for machines a process each, which import for seconds before the first step. One rank waits for
no other, our data are no Ray datasets, nobody scales a cluster of our own, and a trial's driver is an actor that can
hold the controller itself. The tests of the same name go red when a new Ray changes what is relied on (2.60).
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import ray
from ray.train import Result
from ray.train.torch import TorchTrainer
from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import RayTrainCallback
from ray.train.v2._internal.execution.context import TrainRunContext
from ray.train.v2._internal.execution.controller import TrainController
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
from ray.train.v2._internal.execution.worker_group import WorkerGroup, WorkerGroupContext
from ray.train.v2._internal.execution.worker_group import state as group_state
from ray.train.v2._internal.execution.worker_group import worker_group as group_module
from ray.train.v2._internal.execution.worker_group.placement_group_handle import (
    DefaultPlacementGroupHandle,
    PlacementGroupHandle,
)
from ray.train.v2.api.config import ScalingConfig

from raytrain.trial.abandoned import free_abandoned
from raytrain.trial.alone import Alone, NoBarrier

_FREES_EVERY_S = 1.0


class LoneTrainer(TorchTrainer):
    """A trainer of one worker. Called in an actor, `fit` holds the run's controller itself; else that is an actor.

    With `asks_for_machines` the cluster's autoscaler is told what the run needs, by a process of Ray's own.
    """

    def __init__(
        self, train_loop_per_worker: Callable[[dict[str, Any]], None], *, asks_for_machines: bool, **arguments: Any
    ) -> None:
        super().__init__(train_loop_per_worker, torch_config=Alone(), **arguments)
        self._asks_for_machines = asks_for_machines

    def _create_default_callbacks(self) -> list[RayTrainCallback]:
        not_needed = (DatasetsCallback, PlacementGroupCleanerCallback)
        return [one for one in super()._create_default_callbacks() if not isinstance(one, not_needed)]

    def _initialize_and_run_controller(self, **parts: Any) -> Result:
        if not self._asks_for_machines:
            parts["scaling_policy"] = _AsIsScalingPolicy(self.scaling_config)
        if ray.get_runtime_context().get_actor_id() is None:
            return super()._initialize_and_run_controller(**parts)
        controller = _Controller(**parts)
        asyncio.run(controller.run())
        return controller.get_result()


class _Group(WorkerGroup):
    """One worker, in whatever process of Ray's is idle: its environment is that of all others."""

    def _start(self) -> None:
        group_module.SynchronizationActor = NoBarrier
        group_state._shutdown_sync_actor = _no_barrier_ends
        super()._start()

    @staticmethod
    def _get_worker_runtime_env(custom_runtime_env: dict[str, Any]) -> dict[str, Any]:
        return dict(custom_runtime_env)

    def _create_placement_group(
        self, scaling_config: ScalingConfig, worker_group_context: WorkerGroupContext
    ) -> PlacementGroupHandle:
        return _FreeingHandle(super()._create_placement_group(scaling_config, worker_group_context).placement_group)


class _Controller(TrainController):
    worker_group_cls = _Group


class _AsIsScalingPolicy(FixedScalingPolicy):
    """For a cluster that nobody scales: nobody is asked."""

    def after_controller_start(self, train_run_context: TrainRunContext) -> None:
        """Nothing: here the coordinator of requests would be found, or started."""

    def _maybe_send_resource_request(self) -> None:
        """Nothing."""


class _FreeingHandle(DefaultPlacementGroupHandle):
    """Room for a worker. Whoever waits for it frees what killed runs hold: nobody else does."""

    def wait(self, timeout_seconds: float = 30) -> bool:
        ends_s = time.monotonic() + timeout_seconds
        while not super().wait(_FREES_EVERY_S):
            if time.monotonic() > ends_s:
                return False
            free_abandoned()
        return True


def _no_barrier_ends(barrier: NoBarrier) -> None:
    """No process to end."""
