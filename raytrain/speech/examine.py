"""The audio behind a manifest: its lines in; each with its 16 kHz samples, or what is wrong with it, out, in order."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from raytrain.config.constants import FULL_WINDOW_S
from raytrain.speech.audio import SAMPLE_RATE, UnusableAudioError, decode
from raytrain.speech.manifest import Utterance
from raytrain.speech.problems import Kind, Problem

_MOST_WORKERS = 16  # beyond this the one thread that collects is the limit
_NO_SAMPLES = np.zeros(0, np.int16)


@dataclass(frozen=True, slots=True)
class Examined:
    """One line of a manifest after its audio was read. The utterance is None when the line is unusable."""

    utterance: Utterance | None
    samples: np.ndarray
    problems: tuple[Problem, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def examine(lines: Iterable[Utterance | Problem]) -> Iterator[Examined]:
    """Decoded in parallel, by threads: the decoders let others run. Only a few clips are held at once."""
    workers = min(_MOST_WORKERS, os.cpu_count() or 1)
    source = iter(lines)
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        waiting: deque[Future[Examined]] = deque()
        for line in islice(source, 4 * workers):
            waiting.append(pool.submit(_examine_line, line))
        while waiting:
            examined = waiting.popleft().result()
            for line in islice(source, 1):
                waiting.append(pool.submit(_examine_line, line))
            yield examined


def _examine_line(line: Utterance | Problem) -> Examined:
    if isinstance(line, Problem):
        return Examined(None, _NO_SAMPLES, (line,))
    try:
        samples = decode(_read_audio(line))
    except UnusableAudioError as error:
        return Examined(None, _NO_SAMPLES, (Problem(line.line, line.utterance_id, error.kind, str(error)),))
    return Examined(line, samples, tuple(_notes(line, len(samples) / SAMPLE_RATE)))


def _read_audio(utterance: Utterance) -> bytes:
    """The file's bytes, once they are those that the manifest speaks of."""
    path = utterance.audio_path
    try:
        if not path.is_file():
            raise UnusableAudioError(Kind.MISSING_FILE, f"no such file: {path}")
        size = path.stat().st_size
        if utterance.filesize_bytes is not None and size != utterance.filesize_bytes:
            message = f"{path} has {size} bytes, the manifest says {utterance.filesize_bytes}"
            raise UnusableAudioError(Kind.FILESIZE_MISMATCH, message)
        data = path.read_bytes()
    except OSError as error:
        raise UnusableAudioError(Kind.MISSING_FILE, f"{path} cannot be read: {error.strerror}") from error
    if utterance.md5_hash is not None:
        found = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if found != utterance.md5_hash:
            raise UnusableAudioError(Kind.MD5_MISMATCH, f"{path} is {found}, the manifest says {utterance.md5_hash}")
    return data


def _notes(utterance: Utterance, duration_s: float) -> Iterator[Problem]:
    if duration_s > FULL_WINDOW_S:
        message = f"{duration_s:.1f} s: left out of training, scored in windows"
        yield Problem(utterance.line, utterance.utterance_id, Kind.OVER_30_S, message)
    declared_s = utterance.duration_s
    if declared_s is not None and abs(duration_s - declared_s) > max(0.1, 0.02 * declared_s):
        message = f"{duration_s:.2f} s of sound, the manifest says {declared_s:.2f} s"
        yield Problem(utterance.line, utterance.utterance_id, Kind.DURATION, message)
