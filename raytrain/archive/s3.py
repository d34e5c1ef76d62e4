"""Large files on S3: a local file in, an object out, and back. Keys and region come from the usual AWS variables."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from raytrain.errors import InputError

_CHUNK_BYTES = 8 * 2**20


class RemoteFolder:
    """One folder `s3://bucket/prefix`; every path below is relative to it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise InputError(f"{url}: not a place on S3; write s3://bucket/prefix")
        self.url = url.rstrip("/")
        self.key = f"{parts.netloc}{parts.path}".rstrip("/")
        self.bucket = parts.netloc
        with self._in_words():
            self._files = _connect()

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


def _connect() -> Any:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem  # here: a run without S3 need not wait for it

    settings: dict[str, Any] = {
        "region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        # Arrow's own default tries for minutes before it says that a server is not there.
        "connect_timeout": 10,
        "request_timeout": 60,
        "retry_strategy": AwsStandardS3RetryStrategy(max_attempts=3),
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        parts = urlsplit(endpoint)
        settings |= {"endpoint_override": parts.netloc or endpoint, "scheme": parts.scheme or "https"}
    return S3FileSystem(**settings)
