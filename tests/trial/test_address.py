"""The address of a cluster: one at which nobody answers is refused at once, before Ray tries for minutes."""

import socket

import pytest

from raytrain.errors import InputError
from raytrain.trial.joining import require_answer


@pytest.mark.parametrize(
    "address", ["nonsense", "here:", ":6379", "here:six", "here:65536", "here:9²", f"here:{'9' * 5_000}"]
)
def test_what_is_no_address_is_refused_with_the_form(address: str) -> None:
    with pytest.raises(InputError, match=f"^--address {address}: must be HOST:PORT of a Ray cluster, or auto$"):
        require_answer(address)


def test_where_nobody_answers_is_said_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(InputError, match=r"no Ray cluster answers there \(Connection refused\); start one, or leave"):
        require_answer(f"127.0.0.1:{port}")


@pytest.mark.parametrize("host", ["a" * 300, "a..b", "\udcff"])
def test_a_host_that_no_name_server_could_be_asked_for_answers_not(host: str) -> None:
    with pytest.raises(InputError, match=r"no Ray cluster answers there \(.+\); start one, or leave"):
        require_answer(f"{host}:6379")


def test_where_somebody_answers_and_where_ray_looks_by_itself_there_is_nothing_to_say() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        require_answer(f"127.0.0.1:{server.getsockname()[1]}")
    require_answer("auto")
