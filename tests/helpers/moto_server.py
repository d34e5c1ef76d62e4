"""moto's S3 on the loopback: buckets in; a server that the usual variables name, and what it was asked, out.

It can be away for a while: nobody answers at its place, and what was being sent is cut off. It can be full, as MinIO is
once its disks are. Its objects are kept.
"""

import functools
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import ThreadedWSGIServer

_FULL = (
    b"<Error><Code>XMinioStorageFull</Code>"
    b"<Message>Storage backend has reached its minimum free drive threshold.</Message></Error>"
)
KEYS = {"AWS_ACCESS_KEY_ID": "here", "AWS_SECRET_ACCESS_KEY": "nothing-secret"}


@functools.cache
def place() -> str:
    """Where the one server is that the shared cluster knows of, once it is started."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


class S3(list[str]):
    """A server, as the list of the requests it was sent, written down as they come, as in "PUT /bucket/name"."""

    def __init__(self, port: int) -> None:
        self._is_full = threading.Event()
        self._server = _Server(port, self._is_full)
        self.port = self._server.port

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody answers for as long as the block runs."""
        self.stop()
        try:
            yield
        finally:
            self._server = _Server(self.port, self._is_full)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Nothing large can be put for as long as the block runs."""
        self._is_full.set()
        try:
            yield
        finally:
            self._is_full.clear()

    def stop(self) -> None:
        """End it, and whatever it is in the middle of."""
        self._server.stop()


@contextmanager
def s3_at_hand(*buckets: str, at: str | None = None) -> Iterator[S3]:
    """These buckets, at this place or any."""
    server = S3(urlsplit(at or "").port or 0)
    logger = logging.getLogger("werkzeug")
    keeper = _Keeper(server)
    logger.addHandler(keeper)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    url = f"http://127.0.0.1:{server.port}"
    given = {"AWS_ENDPOINT_URL": url, **KEYS}
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        for bucket in buckets:
            client.create_bucket(Bucket=bucket)
        yield server
    finally:
        server.stop()
        logger.removeHandler(keeper)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Server(ThreadedWSGIServer):
    """moto's own one lets go on whoever is connected: here connections are cut as it stops."""

    def __init__(self, port: int, is_full: threading.Event) -> None:
        self._open: set[socket.socket] = set()
        moto = DomainDispatcherApplication(create_backend_app)

        def app(environ: dict[str, Any], start_response: Any) -> Any:
            is_part = "partNumber" in environ.get("QUERY_STRING", "")
            if not (is_part and is_full.is_set()):
                return moto(environ, start_response)
            length = environ.get("CONTENT_LENGTH")  # none where it comes in chunks, which know their end
            environ["wsgi.input"].read(-1 if length is None else int(length))
            start_response("507 Insufficient Storage", [("Content-Type", "application/xml")])
            return [_FULL]

        super().__init__("127.0.0.1", port, app, MotoRequestHandler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        for one in list(self._open):
            with suppress(OSError):  # it was closed meanwhile
                one.shutdown(socket.SHUT_RDWR)

    def get_request(self) -> tuple[Any, Any]:
        request, address = super().get_request()
        self._open.add(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)


class _Keeper(logging.Handler):
    def __init__(self, requests: list[str]) -> None:
        super().__init__()
        self._requests = requests

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if '"' in said:
            self._requests.append(said.split('"')[1].rsplit(" ", 1)[0])
