"""The address of a running cluster in; this process in it, with its own code on every node, or a line why not, out.

Each check comes before Ray's own, which tries for minutes or says less. Workers on all nodes import the very package
that this process runs: Ray sends it to a node once. What a node must have itself is Python, Ray, torch and the like.
"""

import os
import platform
import socket
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import raytrain
from raytrain.errors import InputError
from raytrain.files.s3 import PLACES
from raytrain.stopping import kept_from_others

_CONNECTS_WITHIN_S = 5.0
_ANSWER_WITHIN_S = 60.0
_LAST_PORT = 65_535
_THE_SAME_EVERYWHERE = ("raytrain", "torch", "transformers")
_START_OR_LEAVE = "start one, or leave it out"
_NOT_LET_IN = (
    "the cluster lets nobody in without its token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or ~/.ray/auth_token as "
    "on its head"
)


def asked_for(address: str | None) -> tuple[str, str] | None:
    """The address of the cluster to join, and what to call it; None for a cluster of our own."""
    if address is not None:
        return address, f"--address {address}"
    address = os.environ.get("RAY_ADDRESS")
    return None if address is None else (address, f"RAY_ADDRESS {address}")


def join(address: str, *, said: str, environment: Mapping[str, str], **arguments: Any) -> None:
    """Connect this process to the cluster; InputError where nobody answers, or versions differ."""
    import ray

    require_answer(address, said=said)
    if address == "auto":
        _show_the_token()
    address = _whole(address, said)
    _require_ray(address, said)
    _require_the_head_s_versions(address, said)
    package = Path(raytrain.__file__).parent
    try:
        with kept_from_others():
            ray.init(
                address=address,
                runtime_env={
                    "py_modules": [str(package)],
                    "excludes": ["**/__pycache__/**"],
                    "env_vars": {**environment, **where_s3_is()},
                },
                **arguments,
            )
    except (ConnectionError, RuntimeError) as error:
        raise InputError(f"{said}: {_last_line(error)}; {_START_OR_LEAVE}") from None
    except ray.exceptions.AuthenticationError:
        raise InputError(f"{said}: {_NOT_LET_IN}") from None
    try:
        _require_the_nodes_versions(said)
    except BaseException:
        ray.shutdown()
        raise


def where_s3_is() -> dict[str, str]:
    """What this process's environment says of where S3 is, for other machines; keys each has its own."""
    return {name: os.environ[name] for name in PLACES if name in os.environ}


def require_answer(address: str, *, said: str | None = None) -> None:
    """Refuse an address at which nobody answers; Ray would try for minutes."""
    said = said or f"--address {address}"
    if address == "auto":
        return
    if address.startswith("ray://"):
        raise InputError(
            f"{said}: a study cannot be run through Ray's client; run this on a machine of the cluster with --address "
            "auto, or send it there by `ray job submit`"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or len(port) > 5 or int(port) > _LAST_PORT:
        raise InputError(f"{said}: must be HOST:PORT of a Ray cluster, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECTS_WITHIN_S).close()
    except (OSError, UnicodeError) as error:  # a host that no name server could be asked for
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{said}: no Ray cluster answers there ({reason}); {_START_OR_LEAVE}") from None


def unseen(paths: Sequence[Path]) -> dict[str, list[str]]:
    """Of these paths, those that some node of the cluster does not have, each with the nodes' names."""
    missing: dict[str, list[str]] = {}
    for node, told in _asked_of_nodes(_lacking, [str(path) for path in paths]).items():
        for path in told:
            missing.setdefault(path, []).append(node)
    return missing


def _show_the_token() -> None:
    """Ray's own rule for `auto`, once we name the address in its place: a token that is here opens what runs here.

    `ray start` asks for one where it finds one, and any cluster of our own has left one. To another machine it is sent
    only if the person says so.
    """
    import ray
    from ray._private.authentication.authentication_token_setup import AUTH_MODE_ENV_VAR, _enable_token_auth

    tokens = ray._raylet.AuthenticationTokenLoader.instance()
    if AUTH_MODE_ENV_VAR not in os.environ and tokens.has_token(ignore_auth_mode=True):
        _enable_token_auth()


def _whole(address: str, said: str) -> str:
    """The address that `auto` stands for; another is that itself."""
    from ray._private.services import canonicalize_bootstrap_address

    try:
        found = canonicalize_bootstrap_address(address)
    except ConnectionError as error:
        raise InputError(f"{said}: {_last_line(error)}; {_START_OR_LEAVE}") from None
    if found is None:
        raise InputError(f"{said}: no Ray cluster runs on this machine; {_START_OR_LEAVE}")
    return str(found)


def _require_ray(address: str, said: str) -> None:
    """Refuse an address at which something answers that is no Ray."""
    import grpc  # Ray brings it with its dashboard

    if os.environ.get("RAY_USE_TLS", "0") != "0":  # then only Ray has the keys to ask with
        return
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_CONNECTS_WITHIN_S)
        except grpc.FutureTimeoutError:
            raise InputError(f"{said}: what answers there is no Ray cluster; {_START_OR_LEAVE}") from None


def _require_the_head_s_versions(address: str, said: str) -> None:
    import ray
    from ray._common.usage.usage_lib import get_cluster_metadata

    try:
        there = get_cluster_metadata(ray._raylet.GcsClient(address=address)) or {}
    except ray.exceptions.AuthenticationError:
        raise InputError(f"{said}: {_NOT_LET_IN}") from None
    here = {"ray_version": ray.__version__, "python_version": platform.python_version()}
    _require_equal(
        {"Ray": there.get("ray_version"), "Python": there.get("python_version")},
        {"Ray": here["ray_version"], "Python": here["python_version"]},
        where="the cluster",
        said=said,
    )


def _require_the_nodes_versions(said: str) -> None:
    here = _installed()
    for node, there in _asked_of_nodes(_installed).items():
        if there["raytrain"] is None:  # what is sent there needs no other
            there["raytrain"] = here["raytrain"]
        _require_equal(there, here, where=f"its node {node}", said=said)


def _require_equal(there: Mapping[str, str | None], here: Mapping[str, str | None], *, where: str, said: str) -> None:
    for name, version in there.items():
        if _public(version) != _public(here[name]):
            raise InputError(
                f"{said}: {where} has {name} {version or 'not installed'}, and this process {here[name]}; "
                "install the same on every machine"
            )


def _public(version: str | None) -> str | None:
    """Without what tells builds of one version apart, as +cpu does."""
    return None if version is None else version.partition("+")[0]


def _installed() -> dict[str, str | None]:
    """Python, and the packages that must be the same everywhere, as they are installed where this runs."""
    found: dict[str, str | None] = {"Python": platform.python_version()}
    for package in _THE_SAME_EVERYWHERE:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def _lacking(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not Path(path).exists()]


def _asked_of_nodes(question: Any, *arguments: Any) -> dict[str, Any]:
    """The answer of each node of the cluster that gives one, by its address."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=0)(question)
    asked = {
        node["NodeID"]: ask.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(*arguments)
        for node in ray.nodes()
        if node["Alive"]
    }
    names = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
    answers: dict[str, Any] = {}
    ends_s = time.monotonic() + _ANSWER_WITHIN_S  # for all of them together
    for node_id, answer in asked.items():
        try:
            found = ray.get(answer, timeout=max(0.0, ends_s - time.monotonic()))
        except ray.exceptions.RayError:  # it died, or is too busy: neither says that it differs
            continue
        answers[f"{names[node_id]} ({node_id[:8]})"] = found
    return answers


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
