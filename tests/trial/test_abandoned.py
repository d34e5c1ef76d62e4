"""What a killed run reserved serves the next one; what living ones reserved stays theirs."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest


def until(holds: Callable[[], bool], *, within_s: float = 20) -> bool:
    ends_s = time.monotonic() + within_s
    while not (held := holds()) and time.monotonic() < ends_s:
        time.sleep(0.05)
    return held


def reserving_actor() -> Any:
    """An actor that can reserve half of the cluster's GPU, as a run's controller does, and tell its own process."""
    import ray

    class Controller:
        def reserve(self) -> str:
            self.group = ray.util.placement_group([{"GPU": 0.5}])
            assert self.group.wait(20)
            return self.group.id.hex()

        def process(self) -> int:
            return os.getpid()

    return ray.remote(num_cpus=0)(Controller).remote()


def state_of(group_id: str) -> str:
    import ray

    return ray.util.placement_group_table()[group_id]["state"]


def free_gpus() -> float:
    import ray

    return ray.available_resources().get("GPU", 0.0)


@pytest.mark.usefixtures("ray_cluster")
def test_what_a_killed_run_reserved_is_free_again_and_nothing_else_is() -> None:
    import ray

    from raytrain.trial.abandoned import free_abandoned

    of_the_driver = ray.util.placement_group([{"CPU": 0.1}])
    living, killed = reserving_actor(), reserving_actor()
    of_the_living, of_the_killed = ray.get([living.reserve.remote(), killed.reserve.remote()])
    assert until(lambda: free_gpus() == 0)
    os.kill(ray.get(killed.process.remote()), signal.SIGKILL)
    assert until(lambda: free_abandoned() == 1)
    assert state_of(of_the_killed) == "REMOVED"
    assert state_of(of_the_living) == state_of(of_the_driver.id.hex()) == "CREATED"
    assert until(lambda: free_gpus() == 0.5)
    assert free_abandoned() == 0
    ray.kill(living)
    assert until(lambda: free_abandoned() == 1)
    ray.util.remove_placement_group(of_the_driver)
