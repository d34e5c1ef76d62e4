"""Examining a manifest's audio: lines in; each line's 16 kHz samples, or what is wrong with it, out, in their order."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from raytrain.speech.audio import SAMPLE_RATE, UnusableAudioError, decode
from raytrain.speech.manifest import Utterance, iterate_manifest
from raytrain.speech.problems import Kind, Problem, Tally

LONGEST_WINDOW_S = 30.0
_SPECIAL_TOKENS = 8  # more than the start, language, task, no-timestamps and end tokens that frame a label
_MOST_WORKERS = 16  # beyond this the one thread that collects is the limit

CountTokens = Callable[[str], int]
"""The number of label tokens of a text, special tokens included: Whisper's tokenizer, brought by the caller."""


@dataclass(frozen=True, slots=True)
class Examined:
    """One line of a manifest after its audio was read. The utterance is None when the line is left out."""

    utterance: Utterance | None
    samples: np.ndarray
    problems: tuple[Problem, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE


_NO_SAMPLES = np.zeros(0, np.int16)


def check(
    manifest: Path,
    *,
    max_label_tokens: int,
    count_tokens: CountTokens | None = None,
    on_problem: Callable[[Problem], None],
    progress: Callable[[int], None] = lambda lines: None,
) -> "Checked":
    """Read everything a manifest names and tell each problem as it is found, in the manifest's order."""
    tally, children, seconds = Tally(), set[str](), 0.0
    for item in examine(iterate_manifest(manifest), max_label_tokens=max_label_tokens, count_tokens=count_tokens):
        for problem in item.problems:
            tally.add(problem)
            on_problem(problem)
        if item.utterance is not None:
            tally.usable += 1
            children.add(item.utterance.child_id)
            seconds += item.duration_s
        progress(1)
    return Checked(tally, len(children), seconds / 3600)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a manifest holds: its counts, and the children and hours that are usable."""

    tally: Tally
    num_children: int
    hours: float


def examine(
    lines: Iterable[Utterance | Problem],
    *,
    max_label_tokens: int,
    count_tokens: CountTokens | None = None,
    num_workers: int | None = None,
) -> Iterator[Examined]:
    """Each line with its samples or its problems, in order, decoded in parallel; only a few clips are held at once."""
    workers = num_workers or min(_MOST_WORKERS, len(os.sched_getaffinity(0)))
    source = iter(lines)
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        waiting: deque[Future[Examined]] = deque()
        for line in islice(source, 4 * workers):
            waiting.append(pool.submit(_examine_line, line))
        while waiting:
            done = waiting.popleft().result()
            for line in islice(source, 1):
                waiting.append(pool.submit(_examine_line, line))
            # Here and not in the pool: the tokenizer is loaded once, when the first long text asks for it.
            yield _check_label(done, max_label_tokens, count_tokens)


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
    if not path.is_file():
        raise UnusableAudioError(Kind.MISSING_FILE, f"no such file: {path}")
    size = path.stat().st_size
    if utterance.filesize_bytes is not None and size != utterance.filesize_bytes:
        message = f"{path} has {size} bytes, the manifest says {utterance.filesize_bytes}"
        raise UnusableAudioError(Kind.FILESIZE_MISMATCH, message)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnusableAudioError(Kind.MISSING_FILE, f"{path} cannot be read: {error.strerror}") from error
    if utterance.md5_hash is not None:
        found = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if found != utterance.md5_hash:
            raise UnusableAudioError(Kind.MD5_MISMATCH, f"{path} is {found}, the manifest says {utterance.md5_hash}")
    return data


def _notes(utterance: Utterance, duration_s: float) -> Iterator[Problem]:
    if duration_s > LONGEST_WINDOW_S:
        message = f"{duration_s:.1f} s: left out of training, scored in windows"
        yield Problem(utterance.line, utterance.utterance_id, Kind.OVER_30_S, message)
    declared_s = utterance.duration_s
    if declared_s is not None and abs(duration_s - declared_s) > max(0.1, 0.02 * declared_s):
        message = f"{duration_s:.2f} s of sound, the manifest says {declared_s:.2f} s"
        yield Problem(utterance.line, utterance.utterance_id, Kind.DURATION, message)


def _check_label(examined: Examined, max_label_tokens: int, count_tokens: CountTokens | None) -> Examined:
    """Leave out a clip whose transcript is no possible label. A clip over 30 s is never trained on: it needs none."""
    utterance = examined.utterance
    if utterance is None or examined.duration_s > LONGEST_WINDOW_S:
        return examined
    num_bytes = len(utterance.orthographic_text.encode())
    # A token of a byte-level vocabulary stands for one byte or more: most texts need no tokenizer to be in the limit.
    if num_bytes + _SPECIAL_TOKENS <= max_label_tokens:
        return examined
    if count_tokens is None:
        message = f"{num_bytes} bytes of transcript may be over {max_label_tokens} tokens; no tokenizer to count them"
        note = Problem(utterance.line, utterance.utterance_id, Kind.LABEL_NOT_COUNTED, message)
        return replace(examined, problems=(*examined.problems, note))
    num_tokens = count_tokens(utterance.orthographic_text)
    if num_tokens <= max_label_tokens:
        return examined
    message = f"{num_tokens} tokens in {examined.duration_s:.1f} s; the limit is {max_label_tokens}"
    return Examined(None, _NO_SAMPLES, (Problem(utterance.line, utterance.utterance_id, Kind.LABEL_TOO_LONG, message),))
