"""The audio behind a manifest: its lines in; each with its 16 kHz samples, or what is wrong with it, out, in order."""

import hashlib
import io
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from raytrain.config.constants import FULL_WINDOW_S
from raytrain.speech.audio import MOST_BYTES, SAMPLE_RATE, LongError, Sound, decode
from raytrain.speech.manifest import Utterance
from raytrain.speech.problems import Kind, ManifestProblem, UnusableError

_MOST_WORKERS = 16  # beyond this the one thread that collects is the limit
_MOST_HELD_SAMPLES = 2**20
"""Of a clip that is decoded beside others, 65 s: 64 may be held at once, 128 MiB. A longer one is decoded alone."""
_READ_AT_ONCE_BYTES = 2**22
_NO_SAMPLES = np.zeros(0, np.int16)


@dataclass(frozen=True, slots=True)
class Examined:
    """One line of a manifest after its audio was read."""

    utterance: Utterance | None
    """The line's utterance; None where the line is unusable."""
    samples: np.ndarray
    problems: tuple[ManifestProblem, ...]

    @property
    def duration_s(self) -> float:
        """Seconds of sound."""
        return len(self.samples) / SAMPLE_RATE


def examine(lines: Iterable[Utterance | ManifestProblem]) -> Iterator[Examined]:
    """Decode in parallel, by threads: the decoders let others run. Only a few clips are held at once."""
    workers = min(_MOST_WORKERS, os.cpu_count() or 1)
    waiting: deque[ManifestProblem | tuple[Utterance, Future[Examined]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        for line in lines:
            if isinstance(line, Utterance):
                waiting.append((line, pool.submit(_examined, line, _MOST_HELD_SAMPLES)))
            else:
                waiting.append(line)
            if len(waiting) >= 4 * workers:
                yield _collected(waiting.popleft())
        while waiting:
            yield _collected(waiting.popleft())


def _collected(item: ManifestProblem | tuple[Utterance, Future[Examined]]) -> Examined:
    """A line's result; a long recording is decoded here, one at a time, when its turn has come."""
    if isinstance(item, ManifestProblem):
        return Examined(None, _NO_SAMPLES, (item,))
    utterance, future = item
    try:
        return future.result()
    except LongError:
        return _examined(utterance, None)


def _examined(utterance: Utterance, most_samples: int | None) -> Examined:
    """The utterance after its audio was read; LongError where it has more sound than `most_samples`."""
    try:
        sound = _sound(utterance, most_samples)
    except UnusableError as error:
        problem = ManifestProblem(utterance.line, utterance.utterance_id, error.kind, str(error))
        return Examined(None, _NO_SAMPLES, (problem,))
    return Examined(utterance, sound.samples, tuple(_notes(utterance, sound)))


def _sound(utterance: Utterance, most_samples: int | None) -> Sound:
    """The file's sound; UnusableError where its bytes are not those that the manifest speaks of."""
    return read_sound(
        utterance.audio_path,
        filesize_bytes=utterance.filesize_bytes,
        md5_hash=utterance.md5_hash,
        most_samples=most_samples,
    )


def read_sound(
    path: Path, *, filesize_bytes: int | None = None, md5_hash: str | None = None, most_samples: int | None = None
) -> Sound:
    """A file's sound; UnusableError where it cannot be read, or has not the size or the hash that is given, if any."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnusableError(Kind.MISSING_FILE, f"a folder, a pipe or a device, and no file: {path}")
        size = status.st_size
        if filesize_bytes is not None and size != filesize_bytes:
            message = f"{path} has {size} bytes, the manifest says {filesize_bytes}"
            raise UnusableError(Kind.FILESIZE_MISMATCH, message)
        if size > MOST_BYTES:
            message = f"{path} has {size:,} bytes, over {MOST_BYTES:,}; cut it into utterances"
            raise UnusableError(Kind.TOO_LARGE, message)
        with path.open("rb") as file:
            if md5_hash is not None:
                _check_md5(hashlib.file_digest(file, _md5).hexdigest(), md5_hash, path)
                file.seek(0)
            # A small file is read at once: the decoder asks for its bytes in many small pieces.
            source = io.BytesIO(file.read()) if size <= _READ_AT_ONCE_BYTES else file
            return decode(source, path=path, most_samples=most_samples)
    except FileNotFoundError:
        raise UnusableError(Kind.MISSING_FILE, f"no such file: {path}") from None
    except OSError as error:
        raise UnusableError(Kind.MISSING_FILE, f"{path} cannot be read: {error.strerror}") from error


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


def _check_md5(found: str, wanted: str, path: Path) -> None:
    if found != wanted:
        message = f"{path} is {found}, the manifest says {wanted}"
        raise UnusableError(Kind.MD5_MISMATCH, message)


def _notes(utterance: Utterance, sound: Sound) -> Iterator[ManifestProblem]:
    for kind, message in sound.notes:
        yield ManifestProblem(utterance.line, utterance.utterance_id, kind, message)
    duration_s = len(sound.samples) / SAMPLE_RATE
    if duration_s > FULL_WINDOW_S:
        message = f"{duration_s:.1f} s: left out of training, scored in windows"
        yield ManifestProblem(utterance.line, utterance.utterance_id, Kind.OVER_30_S, message)
    declared_s = utterance.duration_s
    if declared_s is not None and abs(duration_s - declared_s) > max(0.1, 0.02 * declared_s):
        message = f"{duration_s:.2f} s of sound, the manifest says {declared_s:.2f} s"
        yield ManifestProblem(utterance.line, utterance.utterance_id, Kind.DURATION, message)
