"""The Ray cluster: an address, or nothing for one of our own, in; a connected, quiet driver out."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from raytrain.errors import InputError
from raytrain.results import provenance

_QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",  # verbose=0 alone still prints a box
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_LOG_TO_STDERR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else Ray warns of a coming default
    "TOKENIZERS_PARALLELISM": "false",
}
_QUICK = {
    "RAY_worker_niceness": "0",  # niced workers train at half the speed beside any other process
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.25",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_OURS = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths in a configuration mean the same in every process
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune's own makes an interrupted study look like a finished one
}
_ENVIRONMENT = _QUIET | _QUICK | _OURS
_ANSWER_WITHIN_S = 30.0


@dataclass(frozen=True)
class Hardware:
    """What the cluster has for workers."""

    cpus: int
    gpus: int
    gpu_memory_gib: float | None = None
    """Of the smallest card; None where nothing tells."""


@contextmanager
def connected(address: str | None = None, *, dashboard: bool = True) -> Iterator[Hardware]:
    """For as long as a run takes: the cluster this process is in already, or one that is left again afterwards."""
    set_environment()
    import ray

    if ray.is_initialized():
        yield _hardware()
        return
    try:
        yield connect(address, dashboard=dashboard)
    finally:
        disconnect()


def connect(
    address: str | None = None, *, dashboard: bool = True, num_cpus: int | None = None, num_gpus: int | None = None
) -> Hardware:
    """Join the cluster at this address (or $RAY_ADDRESS), or start one on this machine; `num_*` are for the latter.

    Without the dashboard nothing frees what a stopped trial held: only a run that Tune cannot stop may do without.
    """
    set_environment()
    import ray

    quiet = {"log_to_driver": False, "logging_level": "CRITICAL"}
    address = address or os.environ.get("RAY_ADDRESS")
    if address is not None:
        try:
            ray.init(address=address, runtime_env={"env_vars": _ENVIRONMENT}, **quiet)
        except ConnectionError as error:
            raise InputError(
                f"--address {address}: no Ray cluster answers there ({error}); start one, or leave it out"
            ) from None
        return _hardware()
    # Workers find the dashboard by these two, even when a second cluster runs on this machine.
    port = _free_port()
    os.environ["RAY_GCS_SERVER_PORT"] = str(port)
    os.environ["RAY_ADDRESS"] = f"127.0.0.1:{port}"
    try:
        ray.init(
            address="local",
            include_dashboard=dashboard,
            num_cpus=num_cpus or len(os.sched_getaffinity(0)),
            num_gpus=num_gpus,
            **quiet,
        )
    finally:
        del os.environ["RAY_ADDRESS"], os.environ["RAY_GCS_SERVER_PORT"]
    return _hardware()


def disconnect() -> None:
    """Leave the cluster; one of our own ends with all its processes."""
    import ray

    ray.shutdown()


def set_environment() -> None:
    """What Ray reads when it is imported, and its processes when they start; what the person has set stays."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def _hardware() -> Hardware:
    import ray

    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    return Hardware(cpus=int(resources.get("CPU", 0)), gpus=gpus, gpu_memory_gib=_smallest_card_gib() if gpus else None)


def _smallest_card_gib() -> float | None:
    """Each node is asked for its own cards. One that does not answer leaves the smallest unknown."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = ray.get_runtime_context().get_node_id()
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU")]
    told = [provenance.gpus()] if here in nodes else []
    ask = ray.remote(num_cpus=0, max_retries=0)(provenance.gpus)
    asked = [
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()
        for node in nodes
        if node != here
    ]
    try:
        told += ray.get(asked, timeout=_ANSWER_WITHIN_S)
    except ray.exceptions.RayError:  # a timeout is one
        return None
    sizes = [card["memory_gib"] for cards in told for card in cards]
    known = bool(sizes) and all(cards for cards in told) and None not in sizes
    return min(sizes) if known else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
