"""HTTP on loopback in; the account changed, and answers, out. It fails when asked to, as servers do."""

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO, Literal
from urllib.parse import unquote

from wandb_server.account import Account
from wandb_server.graphql import answer

Fault = Literal["500", "401", "garbage", "closes", "hangs"]


class WandbServer:
    """A running stand-in: its address, and what arrived there."""

    def __init__(self) -> None:
        self.account = Account()
        self.fault: Fault | None = None
        """What everything is answered with instead."""
        self._over = threading.Event()
        handler = type("Handler", (_Handler,), {"stand_in": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes W&B's client take this server for its own."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": "0123456789" * 4}

    def fails(self, request: BinaryIO, answer: BinaryIO) -> None:
        """Take a request's first lines, and answer as the fault has it."""
        while request.readline().strip():
            pass
        if self.fault == "hangs":
            self._over.wait()
        elif self.fault == "garbage":
            answer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n<html>{]")
        elif self.fault in ("500", "401"):
            answer.write(f"HTTP/1.1 {self.fault} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    @contextmanager
    def serving(self) -> Iterator["WandbServer"]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._http.shutdown()
            self._http.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    stand_in: WandbServer
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        """One request; with a fault there is no account here that it could reach."""
        if self.stand_in.fault is None:
            super().handle_one_request()
            return
        self.close_connection = True
        self.stand_in.fails(self.rfile, self.wfile)

    def do_GET(self) -> None:
        content = self._stored(unquote(self.path))
        self._reply(404 if content is None else 200, content or b"")

    def do_PUT(self) -> None:
        body = self._body()
        with self.stand_in.account.lock:
            known = self._store(unquote(self.path), body)
        self._reply(200 if known else 404, b"")

    def do_POST(self) -> None:
        body = self._body()
        stream = re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path)
        if self.path == "/graphql":
            self._reply_json(self._graphql(json.loads(body)))
        elif stream:
            with self.stand_in.account.lock:
                self.stand_in.account.stream(stream[1], json.loads(body))
            self._reply_json({"exitcode": None, "limits": {}})
        else:  # telemetry
            self._reply_json({})

    def log_message(self, *arguments: Any) -> None:
        """Silence: a test's output is its own."""

    def _graphql(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = re.search(r"\b(?:query|mutation)\s+(\w+)", asked["query"])
        account = self.stand_in.account
        with account.lock:
            return answer(account, name[1] if name else "", asked.get("variables") or {}, server=self.stand_in.url)

    def _store(self, path: str, body: bytes) -> bool:
        """Whether a file that was uploaded has a place here."""
        account = self.stand_in.account
        if match := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/(.+)", path):
            account.run(match[1]).files[match[2]] = body
        elif match := re.fullmatch(r"/artifacts/([^/]+)/(.+)", path):
            account.artifacts[match[1]].files[match[2]] = body
        elif match := re.fullmatch(r"/manifests/([^/]+)", path):
            account.artifacts[match[1]].manifest = body
        return match is not None

    def _stored(self, path: str) -> bytes | None:
        account = self.stand_in.account
        with account.lock:
            if match := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/(.+)", path):
                return account.run(match[1]).files.get(match[2])
            if match := re.fullmatch(r"/artifacts/([^/]+)/(.+)", path):
                return account.artifacts[match[1]].files.get(match[2])
            if match := re.fullmatch(r"/manifests/([^/]+)", path):
                return account.artifacts[match[1]].manifest
        return None

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _reply_json(self, value: dict[str, Any]) -> None:
        self._reply(200, json.dumps(value).encode())

    def _reply(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
