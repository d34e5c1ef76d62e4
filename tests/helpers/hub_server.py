"""A stand-in of the Hugging Face hub on loopback: what its real client sends in; models with their files out."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_" + "standin0" * 5


@dataclass
class HubModel:
    """A model on the hub."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    """By path; of what was sent as a large file the content that was stored for its sha256."""
    large: list[str] = field(default_factory=list)
    """The paths that were sent as large files."""


class HubServer:
    """A running stand-in: its address, and what arrived there."""

    def __init__(self) -> None:
        self.models: dict[str, HubModel] = {}
        self.objects: dict[str, bytes] = {}
        """Large files that arrived, by sha256."""
        self.refuses: dict[str, int] = {}
        """A status to answer with, by a pattern of the paths that are answered so."""
        self.makes_all_public = False
        handler = type("Handler", (_Handler,), {"hub": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    @contextmanager
    def serving(self) -> Iterator["HubServer"]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def do_PUT(self) -> None:
        body = self._body()
        oid = self.path.removeprefix("/objects/")
        same = hashlib.sha256(body).hexdigest() == oid
        if same:
            self.hub.objects[oid] = body
        self._send(200 if same else 400, {})

    def _answer(self, body: bytes) -> None:
        refused = [status for pattern, status in self.hub.refuses.items() if re.search(pattern, self.path)]
        if refused:
            self._send(refused[0], {"error": "as the test has it"})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(401, {"error": "Invalid credentials"})
        elif self.path == "/api/whoami-v2":
            self._send(200, {"name": "me", "type": "user", "orgs": []})
        elif self.path == "/api/repos/create":
            self._create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            self._send(200, {"errors": [], "warnings": []})
        elif asked := re.fullmatch(r"/api/models/([^/]+/[^/?]+)", self.path):
            self._tell(asked[1])
        elif asked := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", self.path):
            self._upload_modes(json.loads(body))
        elif re.fullmatch(r"/[^/]+/[^/]+\.git/info/lfs/objects/batch", self.path):
            self._where_to(json.loads(body))
        elif asked := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self.path):
            self._commit(asked[1], [json.loads(line) for line in body.splitlines()])
        else:
            self._send(404, {"error": f"no such thing here: {self.path}"})

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization'] or 'me'}/{asked['name']}"
        private = asked.get("private", False) or asked.get("visibility") == "private"
        known = name in self.hub.models
        self.hub.models.setdefault(name, HubModel(private and not self.hub.makes_all_public))
        self._send(409 if known else 200, {"url": f"{self.hub.url}/{name}", "name": name, "id": "0"})

    def _tell(self, name: str) -> None:
        model = self.hub.models.get(name)
        if model is None:
            self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        else:
            files = [{"rfilename": path} for path in model.files]
            self._send(200, {"id": name, "private": model.private, "sha": "0" * 40, "siblings": files, "tags": []})

    def _upload_modes(self, asked: dict[str, Any]) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for file in asked["files"]
        ]
        self._send(200, {"files": modes})

    def _where_to(self, asked: dict[str, Any]) -> None:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.hub.url}/objects/{one['oid']}"}}} for one in asked["objects"]
        ]
        self._send(200, {"transfer": "basic", "objects": objects})

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        model = self.hub.models[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                model.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                model.files[value["path"]] = self.hub.objects[value["oid"]]
                model.large.append(value["path"])
        self._send(200, {"commitUrl": f"{self.hub.url}/{name}/commit/{'1' * 40}", "commitOid": "1" * 40})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while length := int(self.rfile.readline(), 16):
            body += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, one in {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **(headers or {}),
        }.items():
            self.send_header(name, one)
        self.end_headers()
        self.wfile.write(content)
