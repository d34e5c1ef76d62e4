"""An S3 on the loopback, as much as Arrow asks for: buckets, objects, ranges, multi-part uploads, lists."""

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_DAY = "2026-01-01T00:00:00.000Z"


class Server(ThreadingHTTPServer):
    """Objects in memory, by `bucket/key`."""

    daemon_threads = True

    def __init__(self, *buckets: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.buckets = set(buckets)
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(*buckets: str) -> Iterator[Server]:
    server = Server(*buckets)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        bucket, name = self._where()
        if name == bucket:
            self._answer(200 if bucket in self.server.buckets else 404)
        else:
            self._object(name)

    def do_GET(self) -> None:
        bucket, name = self._where()
        if name == bucket:
            self._list(bucket)
        else:
            self._object(name)

    def do_PUT(self) -> None:
        bucket, name = self._where()
        content, query = self._content(), self._query()
        if bucket not in self.server.buckets:
            return self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        if "uploadId" in query:
            self.server.parts[query["uploadId"]][int(query["partNumber"])] = content
        else:
            self.server.objects[name] = content
        return self._answer(200, headers={"ETag": f'"{md5(content).hexdigest()}"'})

    def do_POST(self) -> None:
        bucket, name = self._where()
        content, query = self._content(), self._query()
        if "uploads" in query:
            upload = f"upload{len(self.server.parts)}"
            self.server.parts[upload] = {}
            key = name.removeprefix(f"{bucket}/")
            told = f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            self._answer(200, f"<InitiateMultipartUploadResult>{told}</InitiateMultipartUploadResult>".encode())
        elif "uploadId" in query:
            parts = self.server.parts.pop(query["uploadId"])
            self.server.objects[name] = b"".join(parts[number] for number in sorted(parts))
            self._answer(200, b"<CompleteMultipartUploadResult><ETag>whole</ETag></CompleteMultipartUploadResult>")
        else:
            for key in re.findall(r"<Key>(.*?)</Key>", content.decode()):
                self.server.objects.pop(f"{bucket}/{key}", None)
            self._answer(200, b"<DeleteResult></DeleteResult>")

    def do_DELETE(self) -> None:
        self.server.objects.pop(self._where()[1], None)
        self._answer(204)

    def _object(self, name: str) -> None:
        content = self.server.objects.get(name)
        if content is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            return self._answer(200, content)
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        told = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        return self._answer(206, content[first : last + 1], headers=told)

    def _list(self, bucket: str) -> None:
        start = f"{bucket}/{self._query().get('prefix', '')}"
        found = sorted((name, value) for name, value in self.server.objects.items() if name.startswith(start))
        rows = "".join(
            f"<Contents><Key>{escape(name.removeprefix(f'{bucket}/'))}</Key><LastModified>{_DAY}</LastModified>"
            f"<Size>{len(value)}</Size></Contents>"
            for name, value in found
        )
        told = f"<Name>{bucket}</Name><KeyCount>{len(found)}</KeyCount><IsTruncated>false</IsTruncated>{rows}"
        self._answer(200, f"<ListBucketResult>{told}</ListBucketResult>".encode())

    def _where(self) -> tuple[str, str]:
        """The bucket, and the object's whole name; both the same where it is the bucket that is meant."""
        path = unquote(urlsplit(self.path).path).strip("/") + ("/" if self.path.endswith("/") else "")
        bucket = path.split("/")[0]
        return bucket, path if "/" in path.rstrip("/") else bucket

    def _query(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}

    def _content(self) -> bytes:
        """The body; Arrow's client sends parts in the chunks of HTTP, and within these in chunks of its own."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            content = _unchunked(self.rfile)
        else:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            return _unchunked(io.BytesIO(content))
        return content

    def _answer(self, status: int, content: bytes = b"", *, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {
            "ETag": '"whole"',
            "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            **(headers or {}),
        }.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _unchunked(stream: BinaryIO) -> bytes:
    """Chunks up to an empty one, each after a line with its size in hexadecimal; then trailers up to an empty line."""
    whole = []
    while (size := int(stream.readline().split(b";")[0], 16)) > 0:
        whole.append(stream.read(size))
        stream.readline()
    while stream.readline().strip():
        pass
    return b"".join(whole)
