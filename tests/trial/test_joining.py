"""A running cluster is joined only where Ray answers, of the same versions as here; else one line says what differs."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from raytrain.errors import InputError
from raytrain.trial import joining
from raytrain.trial.cluster import set_environment
from raytrain.trial.joining import asked_for, join, require_answer


@pytest.fixture
def not_ray() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def of_another_token(tmp_path: Path) -> Iterator[str]:
    """What answers first in a cluster, with a token that is nowhere else."""
    set_environment()
    from ray._private.services import GCS_SERVER_EXECUTABLE

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "log_dir": tmp_path, "config_list": base64.b64encode(b"{}").decode(), "gcs_server_port": port,
        "node-ip-address": "127.0.0.1", "session-name": "one", "session-dir": tmp_path, "node-id": "ab" * 28,
        "stdout_filepath": tmp_path / "out", "stderr_filepath": tmp_path / "err",
    }  # fmt: skip
    with subprocess.Popen(
        [GCS_SERVER_EXECUTABLE, *(f"--{name}={value}" for name, value in settings.items())],
        env=os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "of this one alone"},
    ) as server:
        ends_s = time.monotonic() + 60
        with socket.socket() as asks:
            while asks.connect_ex(("127.0.0.1", port)) != 0:
                assert time.monotonic() < ends_s
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
        server.kill()


def test_a_cluster_that_asks_for_a_token_is_refused_with_what_to_set(of_another_token: str) -> None:
    """In a process of its own: what other tests make Ray and gRPC read on import stays."""
    said = f"--address {of_another_token}"
    script = (
        "import sys; from raytrain.trial.cluster import set_environment; set_environment()\n"
        "from raytrain.trial.joining import join\n"
        "join(sys.argv[1], said=sys.argv[2], environment={})"
    )
    command = [sys.executable, "-c", script, of_another_token, said]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    told = ended.stderr.splitlines()[-1]
    assert re.search(f"{said}: .* without its token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN", told), told


def test_an_option_comes_before_the_variable_and_each_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert asked_for(None) is None
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert asked_for(None) == ("head:6379", "RAY_ADDRESS head:6379")
    assert asked_for("auto") == ("auto", "--address auto")


def test_what_answers_and_is_no_ray_is_refused_within_seconds(not_ray: str) -> None:
    set_environment()  # as whatever imports Ray does first
    began_s = time.monotonic()
    with pytest.raises(InputError, match=f"^RAY_ADDRESS {not_ray}: what answers there is no Ray cluster; start one"):
        join(not_ray, said=f"RAY_ADDRESS {not_ray}", environment={})
    assert time.monotonic() - began_s < 15


def test_ray_s_client_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(InputError, match=r"^--address ray://head:10001: .*through Ray's client.*ray job submit"):
        require_answer("ray://head:10001")


@pytest.fixture
def address(ray_cluster: None) -> str:
    import ray

    return str(ray.get_runtime_context().gcs_address)


@pytest.fixture
def of_another_python(address: str) -> Iterator[str]:
    """The shared cluster, which says for as long that its head runs another Python."""
    from ray._common.usage.usage_constants import CLUSTER_METADATA_KEY
    from ray._private.ray_constants import KV_NAMESPACE_CLUSTER
    from ray._raylet import GcsClient

    gcs = GcsClient(address=address)
    before = gcs.internal_kv_get(CLUSTER_METADATA_KEY, namespace=KV_NAMESPACE_CLUSTER)
    other = json.dumps(json.loads(before) | {"python_version": "3.10.1"}).encode()
    gcs.internal_kv_put(CLUSTER_METADATA_KEY, other, True, KV_NAMESPACE_CLUSTER)
    yield address
    gcs.internal_kv_put(CLUSTER_METADATA_KEY, before, True, KV_NAMESPACE_CLUSTER)


def test_a_head_of_another_python_is_refused_with_both_versions(of_another_python: str) -> None:
    with pytest.raises(InputError, match=r"^--address \S+: the cluster has Python 3\.10\.1, and this process 3\.\d+\."):
        join(of_another_python, said=f"--address {of_another_python}", environment={})


def test_a_node_of_another_torch_is_refused_by_name(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = joining._installed()
    joining._require_the_nodes_versions("--address it")  # the shared cluster is this very installation
    monkeypatch.setattr(joining, "_installed", lambda: there | {"torch": "2.0.0"})
    asked = joining._asked_of_nodes
    monkeypatch.setattr(joining, "_asked_of_nodes", lambda question: asked(lambda told: told, there))
    host = re.escape(address.rpartition(":")[0])
    told = re.escape(f"torch {there['torch']}, and this process 2.0.0; install the same on every machine")
    with pytest.raises(InputError, match=rf"^--address it: its node {host} \(\w{{8}}\) has {told}$"):
        joining._require_the_nodes_versions("--address it")


def test_builds_of_one_version_are_alike() -> None:
    joining._require_equal({"torch": "2.13.0+cu130"}, {"torch": "2.13.0+cpu"}, where="it", said="--address it")


def test_a_path_that_a_node_does_not_have_is_told_with_the_node(address: str, tmp_path: Path) -> None:
    ((path, nodes),) = joining.unseen([tmp_path, tmp_path / "nowhere"]).items()
    assert path == str(tmp_path / "nowhere")
    assert [one.partition(" ")[0] for one in nodes] == [address.rpartition(":")[0]]


def test_a_port_that_nobody_has_is_refused_before_ray_is_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    set_environment()
    with pytest.raises(InputError, match="no Ray cluster answers there"):
        join(f"127.0.0.1:{port}", said="--address it", environment={})
