"""The Ray cluster: an address, or nothing for one of our own, in; a connected, quiet driver out."""

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from raytrain.errors import ClusterLost, InputError
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
ENVIRONMENT = _QUIET | _QUICK | _OURS
"""What Ray reads when it is imported, and its processes when they start."""
_ANSWER_WITHIN_S = 30.0
_CONNECTS_WITHIN_S = 5.0
_LAST_PORT = 65_535


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine of the cluster, and what it has for workers."""

    id: str
    """Ray's node id."""
    cpus: int
    gpus: int = 0
    smallest_card_gib: float | None = None
    """The memory of the node's smallest card; None where nothing reports it."""


@dataclass(frozen=True)
class Hardware:
    """What the cluster has for workers."""

    nodes: tuple[Node, ...]

    @property
    def cpus(self) -> int:
        return sum(node.cpus for node in self.nodes)

    @property
    def gpus(self) -> int:
        return sum(node.gpus for node in self.nodes)

    @property
    def largest_card_gib(self) -> float | None:
        """None where there is no card, or one of unknown size, which may be larger."""
        sizes = [node.smallest_card_gib for node in self.nodes if node.gpus]
        known = [size for size in sizes if size is not None]
        return max(known, default=None) if len(known) == len(sizes) else None


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
        require_answer(address)
        try:
            ray.init(address=address, runtime_env={"env_vars": ENVIRONMENT}, **quiet)
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


def require_answer(address: str) -> None:
    """Refuse an address at which nobody answers; Ray would try for minutes."""
    if address in ("auto", "local") or "://" in address:
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > _LAST_PORT:
        raise InputError(f"--address {address}: must be HOST:PORT of a Ray cluster, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECTS_WITHIN_S).close()
    except OSError as error:
        raise InputError(
            f"--address {address}: no Ray cluster answers there ({error.strerror or error}); start one, or leave it out"
        ) from None


def require_ray() -> None:
    """Raise ClusterLost where Ray has died on this machine: whoever waits for a trial to start would do so for ever."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    if not any(node["Alive"] for node in ray.nodes() if node["NodeID"] == here):
        raise ClusterLost("Ray has died on this machine")


def disconnect() -> None:
    """Leave the cluster; one of our own ends with all its processes."""
    import ray

    ray.shutdown()


def set_environment() -> None:
    """Set Ray's environment, before Ray is imported; what the person has set stays."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def _hardware() -> Hardware:
    import ray

    alive = [node for node in ray.nodes() if node["Alive"]]
    cards_gib = _smallest_cards_gib([node["NodeID"] for node in alive if node["Resources"].get("GPU")])
    return Hardware(
        tuple(
            Node(
                id=node["NodeID"],
                cpus=int(node["Resources"].get("CPU", 0)),
                gpus=int(node["Resources"].get("GPU", 0)),
                smallest_card_gib=cards_gib.get(node["NodeID"]),
            )
            for node in alive
        )
    )


def _smallest_cards_gib(node_ids: Sequence[str]) -> dict[str, float | None]:
    """Each node is asked for its own cards; of one that does not answer nothing is known."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=0)(provenance.gpus)
    here = ray.get_runtime_context().get_node_id()
    asked = {
        node: ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()
        for node in node_ids
        if node != here
    }
    found = {here: _smallest_gib(provenance.gpus())} if here in node_ids else {}
    ends_s = time.monotonic() + _ANSWER_WITHIN_S  # for all of them together
    for node, answer in asked.items():
        try:
            found[node] = _smallest_gib(ray.get(answer, timeout=max(0.0, ends_s - time.monotonic())))
        except ray.exceptions.RayError:  # a timeout is one
            found[node] = None
    return found


def _smallest_gib(cards: Sequence[dict[str, Any]]) -> float | None:
    sizes = [card["memory_gib"] for card in cards]
    return min(sizes, default=None) if None not in sizes else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
