"""Files on S3: a local file in, an object out, and back. Keys, region and endpoint are in the usual AWS variables."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from raytrain.errors import InputError

_CHUNK_BYTES = 8 * 2**20
PLACES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")
"""The usual variables that say where S3 is."""
PATIENT = 13
"""Attempts that bridge some two minutes without S3: the waits between them double, up to 20 s."""
_QUICK = 2


class RemoteFolder:
    """One folder `s3://bucket/prefix`; every path below is relative to it."""

    def __init__(self, url: str, *, attempts: int = 3) -> None:
        """Each request is tried so often before it fails."""
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise InputError(f"{url}: not a place on S3; write s3://bucket/prefix")
        self.url = url.rstrip("/")
        self.key = f"{parts.netloc}{parts.path}".rstrip("/")
        self.bucket = parts.netloc
        with self._in_words():
            self._files = connect(attempts)

    def sizes(self) -> dict[str, int]:
        """All objects below the folder with their sizes in bytes."""
        from pyarrow.fs import FileSelector

        with self._in_words():
            infos = self._files.get_file_info(FileSelector(self.key, recursive=True, allow_not_found=True))
        return {info.path[len(self.key) + 1 :]: info.size for info in infos if info.is_file}

    def require_new(self) -> None:
        """Refuse a bucket that is not there, and a folder in which something lies already."""
        with self._in_words():
            bucket = self._files.get_file_info(self.bucket)
        if bucket.type.name == "NotFound":
            raise InputError(f"{self.url}: there is no bucket {self.bucket}; make it, or name another")
        if self.sizes():
            raise InputError(f"{self.url}: objects lie there already; choose another prefix or --name")

    def is_there(self) -> bool:
        """Whether anything lies there."""
        with self._in_words():
            return bool(self._files.get_file_info(self.key).type.name != "NotFound")

    def read(self, path: str) -> bytes | None:
        """A small object's bytes; None where there is none."""
        with self._in_words():
            try:
                with self._files.open_input_stream(f"{self.key}/{path}") as source:
                    return bytes(source.read())
            except FileNotFoundError:
                return None

    def write(self, path: str, content: bytes) -> None:
        """Put a small object: whole or not at all."""
        with self._in_words(), self._files.open_output_stream(f"{self.key}/{path}") as out:
            out.write(content)

    def put(self, path: str, source: Path) -> None:
        """Send a local file."""
        with self._in_words(), source.open("rb") as file, self._files.open_output_stream(f"{self.key}/{path}") as out:
            shutil.copyfileobj(file, out, _CHUNK_BYTES)

    def get(self, path: str, target: Path) -> None:
        """Fetch an object into a local file."""
        with self._in_words(), self._files.open_input_stream(f"{self.key}/{path}") as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, _CHUNK_BYTES)

    def sha256_of(self, path: str) -> str:
        """The SHA-256 of an object's bytes as S3 hands them out now."""
        digest = hashlib.sha256()
        with self._in_words(), self._files.open_input_stream(f"{self.key}/{path}") as source:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def remove(self, path: str) -> None:
        """Remove one object; one that is gone already is no error."""
        with self._in_words(), suppress(FileNotFoundError):
            self._files.delete_file(f"{self.key}/{path}")

    def delete_below(self, path: str) -> None:
        """Remove all objects below this path; where there are none that is no error."""
        with self._in_words():
            if self._files.get_file_info(f"{self.key}/{path}").type.name == "Directory":
                self._files.delete_dir(f"{self.key}/{path}")

    def delete(self, paths: list[str]) -> None:
        """Remove these objects; one that is gone already is no error."""
        there = self.sizes() if paths else {}
        with self._in_words():
            for path in paths:
                if path in there:
                    self._files.delete_file(f"{self.key}/{path}")
            # Arrow leaves an empty object for each folder it took the last file from.
            if paths and not set(there) - set(paths) and self._files.get_file_info(self.key).type.name == "Directory":
                self._files.delete_dir(self.key)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn whatever S3 refuses into one line with the place."""
        try:
            yield
        except OSError as error:
            if error.errno is not None:  # the local file's
                raise
            fact = " ".join(str(error).split())
            raise InputError(
                f"{self.url}: {fact}; check the bucket, AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL"
            ) from None


def require_writable(url: str, *, key: str) -> None:
    """Refuse a place on S3 where nothing can be put, by putting an object there and taking it away: within seconds."""
    folder, name = RemoteFolder(url, attempts=_QUICK), f".raytrain-{uuid.uuid4().hex}"
    try:
        folder.write(name, b"")
        folder.remove(name)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None


def is_taken(storage: str, name: str) -> bool:
    """Whether something lies at this name below a storage that is on S3."""
    return "://" in storage and RemoteFolder(f"{storage}/{name}", attempts=_QUICK).is_there()


def connect(attempts: int) -> Any:
    """pyarrow's file system on S3, as the usual variables say where that is."""
    from raytrain.files.s3_system import PatientS3  # here: a run without S3 need not wait for pyarrow

    settings: dict[str, Any] = {
        "region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        # Arrow's own default tries for minutes before it says that a server is not there.
        "connect_timeout": 5 if attempts <= _QUICK else 10,
        "request_timeout": 5 if attempts <= _QUICK else 60,
        "allow_delayed_open": True,  # a small file takes one request in place of three
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        parts = urlsplit(endpoint)
        settings |= {"endpoint_override": parts.netloc or endpoint, "scheme": parts.scheme or "https"}
    return PatientS3(attempts=attempts, **settings)
