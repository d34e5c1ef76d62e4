"""The Ray cluster: an address, or nothing for one of our own, in; a connected, quiet driver out."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from raytrain.errors import ClusterLost, InputError
from raytrain.files import is_disk_fault
from raytrain.stopping import kept_from_others, leaving_without_ado
from raytrain.trial.hardware import Hardware, hardware_found
from raytrain.trial.joining import asked_for, join, require_answer

log = logging.getLogger("raytrain")

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
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",  # its snapshots, of all trials there were, are read by nobody
}
_OURS = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths in a configuration mean the same in every process
    "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",  # else a submitted job that names one of these, too, is refused
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune's own makes an interrupted study look like a finished one
}
_PATIENT = {  # a loaded machine takes its time
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_worker_register_timeout_seconds": "180",
    "RAY_agent_register_timeout_ms": "180000",
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "180",  # for the thread of an ended trial, before its process takes another
}
ENVIRONMENT = _QUIET | _QUICK | _OURS | _PATIENT
"""What Ray reads when it is imported, and its processes when they start."""
LOCAL = {
    # Else Ray takes the machine's outer address, and listens on every interface.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "GLOO_SOCKET_IFNAME": "lo",
}
"""The same for a cluster of our own, which only this machine can reach."""
_SAYS_NOTHING: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}
_DEAD = "Ray has died on this machine"
_LONGEST_FOLDER = 40
"""Bytes: a socket's path has at most 107, of which Ray's own part, /session_.../sockets/plasma_store, takes 64."""


@contextmanager
def connected(address: str | None = None, *, dashboard: bool = True) -> Iterator[Hardware]:
    """For as long as a run takes: the cluster this process is in already, or one that is left again afterwards."""
    set_environment(address)
    import ray

    if ray.is_initialized():
        yield hardware_found()
        return
    try:
        yield connect(address, dashboard=dashboard)
    finally:
        disconnect()


@contextmanager
def joined(address: str | None) -> Iterator[None]:
    """For as long as a door's work takes: the running cluster at this address (or $RAY_ADDRESS), if there is one.

    Entered before anything is prepared, so that what is wrong with it is said at once; `connected` then finds it.
    """
    asked = asked_for(address)
    if asked is None:
        yield
        return
    require_answer(asked[0], said=asked[1])  # before Ray is imported, which takes seconds
    with connected(address):
        yield


def is_joined() -> bool:
    """Whether this process is in a cluster that others started, with machines besides this one perhaps."""
    if "ray" not in sys.modules:  # to import it is to have its environment read
        return False
    import ray
    from ray._private.worker import _global_node

    return ray.is_initialized() and _global_node is not None and not _global_node.is_head()


def connect(
    address: str | None = None, *, dashboard: bool = True, num_cpus: int | None = None, num_gpus: int | None = None
) -> Hardware:
    """Join the cluster at this address (or $RAY_ADDRESS), or start one on this machine; `num_*` are for the latter.

    Without the dashboard nothing of Ray's frees what a stopped trial of several workers held.
    """
    set_environment(address)
    asked = asked_for(address)
    if asked is not None:
        environment = {name: os.environ[name] for name in ENVIRONMENT}
        join(asked[0], said=asked[1], environment=environment, **_SAYS_NOTHING)
    else:
        start = partial(_start, dashboard=dashboard, num_cpus=num_cpus, num_gpus=num_gpus, folder=short_folder())
        if (fault := start()) is not None:
            log.info("Ray did not start: %s; once more", fault)
            if (fault := start()) is not None:
                raise ClusterLost(f"Ray does not start on this machine: {fault}")
    return hardware_found()


def _start(*, dashboard: bool, num_cpus: int | None, num_gpus: int | None, folder: str | None) -> str | None:
    """Start a cluster of our own; the fault in a line where it does not start, as on a machine that is too busy."""
    import ray

    # Workers find the dashboard by these two, even when a second cluster runs on this machine.
    port = _free_port()
    os.environ["RAY_GCS_SERVER_PORT"] = str(port)
    os.environ["RAY_ADDRESS"] = f"127.0.0.1:{port}"
    before = set(psutil.Process().children(recursive=True))
    try:
        with kept_from_others():
            ray.init(
                address="local",
                include_dashboard=dashboard,
                num_cpus=num_cpus or len(os.sched_getaffinity(0)),
                num_gpus=num_gpus,
                _temp_dir=folder,
                **_SAYS_NOTHING,
            )
    except BaseException as error:  # an interrupt, too: of a node that is half started Ray knows nothing
        halfway = [process for process in psutil.Process().children(recursive=True) if process not in before]
        disconnect()
        for process in halfway:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if not isinstance(error, Exception) or (isinstance(error, OSError) and is_disk_fault(error)):
            raise
        # What Ray raises where its processes are too late or dead has no type of its own.
        return next(iter(str(error).strip().splitlines()), type(error).__name__)
    finally:
        del os.environ["RAY_ADDRESS"], os.environ["RAY_GCS_SERVER_PORT"]
    return None


def short_folder() -> str | None:
    """Where Ray's sockets lie, if not where Ray itself would put them: below a TMPDIR too long for a socket."""
    from ray._common.utils import get_default_ray_temp_dir

    default = get_default_ray_temp_dir()
    if len(os.fsencode(default)) <= _LONGEST_FOLDER:
        return None
    ours = Path("/tmp") / f"raytrain-{os.getuid()}"
    try:
        ours.mkdir(mode=0o700, exist_ok=True)
        if ours.stat().st_uid == os.getuid():
            return str(ours)
        fault = "another user's"
    except OSError as error:
        fault = error.strerror or str(error)
    raise InputError(
        f"TMPDIR or RAY_TMPDIR: {default}: too long for Ray's sockets, and {ours}: {fault}; "
        f"set RAY_TMPDIR to a folder with a path of at most {_LONGEST_FOLDER - 4} bytes"
    )


def require_ray() -> None:
    """Raise ClusterLost where Ray has died on this machine: whoever waits for a trial to start would do so for ever."""
    import ray
    from ray._private.worker import _global_node

    if _global_node is None or _global_node.dead_processes():  # our own's; asked first, since nobody else would answer
        raise ClusterLost(_DEAD)
    here = ray.get_runtime_context().get_node_id()
    if not any(node["Alive"] for node in ray.nodes() if node["NodeID"] == here):
        raise ClusterLost(_DEAD)


def disconnect() -> None:
    """Leave the cluster; one of our own ends with all its processes.

    They are kept from SIGTERM, by which Ray would end them and wait for each. Where the process was asked to stop a
    thread may still wait for Ray, which ends a process that calls it after its shutdown: there is none then.
    """
    import ray
    from ray._private.worker import _global_node

    started_by_raylet: list[int] = []
    if _global_node is not None:
        for kill in (_global_node.kill_monitor, _global_node.kill_dashboard, _global_node.kill_log_monitor):
            kill(check_alive=False)
        for info in _global_node.all_processes.get("raylet", ()):
            started_by_raylet += _children(info.process.pid)
    if leaving_without_ado() and _global_node is not None:
        _global_node.kill_gcs_server(check_alive=False)  # before the raylet, of whose death it would tell
        _global_node.kill_raylet(check_alive=False)
    else:
        ray.shutdown()
    for process in started_by_raylet:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _children(process: int) -> list[int]:
    threads = Path(f"/proc/{process}/task").glob("*/children")
    try:
        return [int(child) for thread in threads for child in thread.read_text().split()]
    except OSError:  # it has just ended
        return []


def set_environment(address: str | None = None) -> None:
    """Set Ray's environment, before Ray is imported; what the person has set stays."""
    joins = address is not None or "RAY_ADDRESS" in os.environ
    for name, value in (ENVIRONMENT if joins else ENVIRONMENT | LOCAL).items():
        os.environ.setdefault(name, value)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
