"""Utterances whose sound is not read yet in; lines of a manifest, FLAC files and problems out, in order.

By threads, which decoders and encoders let run side by side; how much sound waits in memory is bounded.
"""

import io
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from raytrain.config.constants import FULL_WINDOW_S
from raytrain.files import sync_file
from raytrain.speech.audio import SAMPLE_RATE, Sound
from raytrain.speech.imports.sounds import Inside, cut, read
from raytrain.speech.imports.utterances import Meant
from raytrain.speech.problems import Kind, ManifestProblem, UnusableError

_MOST_WORKERS = 8
_MOST_WAITING_BYTES = 2**27
_FOLDER_CLIPS = 1_000
_SHORTEST_S = 0.05


@dataclass(frozen=True, slots=True)
class Taken:
    """One row when its sound was read."""

    number: int
    line: dict[str, Any] | None
    """Of the manifest; None where the row is left out."""
    problems: tuple[ManifestProblem, ...]


def taken(
    items: Iterable[Meant | ManifestProblem], audio: Path, count: Callable[[int], None] = lambda more: None
) -> Iterator[Taken]:
    """Read the sound of each, and write what lies inside the source below `audio`; `count` is told of rows done."""
    workers = min(_MOST_WORKERS, cpu_count() or 1)
    waiting: deque[tuple[Future[list[Taken]], int]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="import") as pool:

        def collected() -> Iterator[Taken]:
            results = waiting.popleft()[0].result()
            count(len(results))
            yield from results

        try:
            for group in _by_recording(items):
                size = sum(_bytes_inside(one) for one in group)
                waiting.append((pool.submit(_group_taken, group, audio), size))
                while len(waiting) > 4 * workers or sum(size for _, size in waiting) > _MOST_WAITING_BYTES:
                    yield from collected()
            while waiting:
                yield from collected()
        finally:
            for future, _ in waiting:
                future.cancel()


def _bytes_inside(one: Meant | ManifestProblem) -> int:
    return len(one.sound.data) if isinstance(one, Meant) and isinstance(one.sound, Inside) else 0


def _by_recording(items: Iterable[Meant | ManifestProblem]) -> Iterator[list[Meant | ManifestProblem]]:
    """Segments of one recording that follow each other together; each other row alone."""
    group: list[Meant | ManifestProblem] = []
    recording: Path | None = None
    for item in items:
        of = item.sound if isinstance(item, Meant) and item.part is not None and isinstance(item.sound, Path) else None
        if group and (of is None or of != recording):
            yield group
            group = []
        group.append(item)
        recording = of
    if group:
        yield group


def _group_taken(group: list[Meant | ManifestProblem], audio: Path) -> list[Taken]:
    """All of a group, whose sound is read once."""
    sound: Sound | UnusableError | None = None
    results = []
    for item in group:
        if isinstance(item, ManifestProblem):
            results.append(Taken(item.line, None, (item,)))
            continue
        try:
            if sound is None:
                sound = _read(item.sound)
            if isinstance(sound, UnusableError):
                raise sound
            results.append(_one_taken(item, sound, audio))
        except UnusableError as error:
            problem = ManifestProblem(item.number, item.utterance_id, error.kind, str(error))
            results.append(Taken(item.number, None, (*item.notes, problem)))
    return results


def _read(sound: Path | Inside) -> Sound | UnusableError:
    try:
        return read(sound)
    except UnusableError as error:
        return error


def _one_taken(item: Meant, sound: Sound, audio: Path) -> Taken:
    samples = sound.samples if item.part is None else cut(sound.samples, item.part)
    if item.part is None and isinstance(item.sound, Path):
        place = str(item.sound)
    else:
        place = str(_written(item, samples, audio))
    seconds = len(samples) / SAMPLE_RATE
    notes = [
        ManifestProblem(item.number, item.utterance_id, kind, words) for kind, words in _notes(item, sound, seconds)
    ]
    line = {**item.fields, "audio_path": place, "audio_duration_sec": round(seconds, 4)}
    return Taken(item.number, line, (*item.notes, *notes))


def _written(item: Meant, samples: np.ndarray, audio: Path) -> Path:
    """The FLAC file of an utterance, on disk, as a path from the folder with the manifest."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", item.utterance_id)[-80:].strip("_")
    path = audio / f"{item.index // _FOLDER_CLIPS:04d}" / f"{item.index:07d}-{name}.flac"
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    path.write_bytes(encoded.getvalue())  # by Python, whose errors say that a disk is full
    sync_file(path)
    return path.relative_to(audio.parent)


def _notes(item: Meant, sound: Sound, seconds: float) -> Iterator[tuple[Kind, str]]:
    if item.part is None:
        yield from sound.notes
    elif seconds < _SHORTEST_S:
        yield Kind.UNDER_50_MS, f"{1000 * seconds:.3g} ms: shorter than any word"
    if seconds > FULL_WINDOW_S:
        yield Kind.OVER_30_S, f"{seconds:.1f} s: left out of training, scored in windows"
