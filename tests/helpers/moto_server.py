"""moto's S3 on the loopback: buckets in; a server that the usual variables name, and what it was asked, out."""

import functools
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import boto3
from moto.server import ThreadedMotoServer

KEYS = {"AWS_ACCESS_KEY_ID": "here", "AWS_SECRET_ACCESS_KEY": "nothing-secret"}


@functools.cache
def place() -> str:
    """Where the one server is that the shared cluster knows of, once it is started."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def s3_at_hand(*buckets: str, at: str | None = None) -> Iterator[list[str]]:
    """The requests are written down as they come, as in "PUT /bucket/name"."""
    requests: list[str] = []
    logger = logging.getLogger("werkzeug")
    keeper = _Keeper(requests)
    logger.addHandler(keeper)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=urlsplit(at or "").port or 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    given = {"AWS_ENDPOINT_URL": url, **KEYS}
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        for bucket in buckets:
            client.create_bucket(Bucket=bucket)
        yield requests
    finally:
        server.stop()
        logger.removeHandler(keeper)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Keeper(logging.Handler):
    def __init__(self, requests: list[str]) -> None:
        super().__init__()
        self._requests = requests

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if '"' in said:
            self._requests.append(said.split('"')[1].rsplit(" ", 1)[0])
