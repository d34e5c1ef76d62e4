"""A place on S3: refused at once where nothing can be put, and tried again for minutes where it was there before."""

import os
import pickle
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer
from moto_server import s3_at_hand

from raytrain.errors import InputError
from raytrain.files.s3 import PATIENT, RemoteFolder, connect, is_taken, require_writable


@pytest.fixture(scope="module")
def asked() -> Iterator[list[str]]:
    with s3_at_hand("runs") as requests:
        yield requests


def test_a_place_that_can_be_written_to_is_left_as_it_was(asked: list[str]) -> None:
    require_writable("s3://runs/here", key="storage")
    assert RemoteFolder("s3://runs/here").sizes() == {}


def test_a_bucket_that_is_not_there_is_refused_with_its_key(asked: list[str]) -> None:
    with pytest.raises(InputError, match=r"^storage: s3://nobody-s/here: .*NO_SUCH_BUCKET.*; check the bucket, AWS"):
        require_writable("s3://nobody-s/here", key="storage")


def test_a_server_that_is_not_there_is_refused_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    began_s = time.monotonic()
    with pytest.raises(InputError, match=r"^storage: s3://runs/here: .*AWS_ENDPOINT_URL$"):
        require_writable("s3://runs/here", key="storage")
    assert time.monotonic() - began_s < 15


def test_a_server_that_never_answers_is_refused_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        began_s = time.monotonic()
        with pytest.raises(InputError, match=r"^storage: s3://runs/here: "):
            require_writable("s3://runs/here", key="storage")
    assert time.monotonic() - began_s < 15


def test_the_endpoint_for_s3_alone_comes_before_the_one_for_all(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", os.environ["AWS_ENDPOINT_URL"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    require_writable("s3://runs/here", key="storage")


def test_bytes_that_are_put_are_read_and_none_where_there_are_none(asked: list[str]) -> None:
    folder = RemoteFolder("s3://runs/bytes")
    folder.write("a", b"one")
    assert (folder.read("a"), folder.read("b")) == (b"one", None)
    assert (is_taken("s3://runs", "bytes"), is_taken("s3://runs", "others"), is_taken("/runs", "bytes")) == (
        True, False, False,
    )  # fmt: skip
    folder.remove("a")
    folder.remove("a")
    assert folder.read("a") is None


def test_a_small_object_takes_one_request(asked: list[str]) -> None:
    folder = RemoteFolder("s3://runs/one")
    asked.clear()
    folder.write("a", b"one")
    assert asked == ["PUT /runs/one/a"]


def test_the_file_system_tries_as_often_in_another_process(asked: list[str]) -> None:
    there = pickle.loads(pickle.dumps(connect(PATIENT)))
    assert there._made_with["attempts"] == PATIENT
    assert b"nothing-secret" not in pickle.dumps(there)  # keys are each process's own


def test_what_is_written_while_s3_is_away_for_a_while_is_there_once_it_is_back(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    back = threading.Timer(4.0, server.start)
    back.start()
    try:
        RemoteFolder("s3://runs/later", attempts=PATIENT).write("a", b"one")
        assert RemoteFolder("s3://runs/later").read("a") == b"one"
    finally:
        back.join()
        server.stop()
