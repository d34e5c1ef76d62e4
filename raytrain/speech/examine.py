"""The audio behind a manifest: its lines in; each with its 16 kHz samples, or what is wrong with it, out, in order."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from raytrain.config.constants import FULL_WINDOW_S
from raytrain.speech.audio import SAMPLE_RATE, decode
from raytrain.speech.manifest import Utterance
from raytrain.speech.problems import Kind, ManifestProblem, UnusableError

_MOST_WORKERS = 16  # beyond this the one thread that collects is the limit
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
    waiting: deque[Future[Examined]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        for line in lines:
            waiting.append(pool.submit(_examine_line, line))
            if len(waiting) >= 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _examine_line(line: Utterance | ManifestProblem) -> Examined:
    if isinstance(line, ManifestProblem):
        return Examined(None, _NO_SAMPLES, (line,))
    try:
        samples = decode(_read_audio(line))
    except UnusableError as error:
        return Examined(None, _NO_SAMPLES, (ManifestProblem(line.line, line.utterance_id, error.kind, str(error)),))
    return Examined(line, samples, tuple(_notes(line, len(samples) / SAMPLE_RATE)))


def _read_audio(utterance: Utterance) -> bytes:
    """The file's bytes; UnusableError where they are not those that the manifest speaks of."""
    path = utterance.audio_path
    try:
        if not path.is_file():
            raise UnusableError(Kind.MISSING_FILE, f"no such file: {path}")
        size = path.stat().st_size
        if utterance.filesize_bytes is not None and size != utterance.filesize_bytes:
            message = f"{path} has {size} bytes, the manifest says {utterance.filesize_bytes}"
            raise UnusableError(Kind.FILESIZE_MISMATCH, message)
        data = path.read_bytes()
    except OSError as error:
        raise UnusableError(Kind.MISSING_FILE, f"{path} cannot be read: {error.strerror}") from error
    if utterance.md5_hash is not None:
        found = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if found != utterance.md5_hash:
            raise UnusableError(Kind.MD5_MISMATCH, f"{path} is {found}, the manifest says {utterance.md5_hash}")
    return data


def _notes(utterance: Utterance, duration_s: float) -> Iterator[ManifestProblem]:
    if duration_s > FULL_WINDOW_S:
        message = f"{duration_s:.1f} s: left out of training, scored in windows"
        yield ManifestProblem(utterance.line, utterance.utterance_id, Kind.OVER_30_S, message)
    declared_s = utterance.duration_s
    if declared_s is not None and abs(duration_s - declared_s) > max(0.1, 0.02 * declared_s):
        message = f"{duration_s:.2f} s of sound, the manifest says {declared_s:.2f} s"
        yield ManifestProblem(utterance.line, utterance.utterance_id, Kind.DURATION, message)
