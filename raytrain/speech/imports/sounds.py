"""The sound of a row: a path, bytes or samples in; the file that is meant, or 16 kHz mono samples, out."""

import io
import os
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from raytrain.speech.audio import MOST_BYTES, SAMPLE_RATE, LongError, Sound, decode
from raytrain.speech.imports.source import Part
from raytrain.speech.problems import Kind, UnusableError

_FOLDERS = (".", "clips", "audio", "wavs", "wav", "data", "..", "../..", "../../..")
"""Of a path's begin, where a table's own folder is the first; the working folder comes after them."""
SUFFIXES = (".flac", ".wav", ".mp3", ".ogg", ".opus", ".m4a", ".webm", ".sph", ".aiff")
"""What a sound file's name may end in, and a name in a table may leave out."""
_MOST_SAMPLES_BESIDE = 2**22
"""Of sound that is decoded beside others, 4 min; what is longer is decoded alone, so that memory is bounded."""
_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Inside:
    """Sound that lies in the source itself."""

    data: bytes
    name: str
    """The file that it came from, if it is known."""


class Finder:
    """Finds the files that rows name; where they start from is learnt from the first rows."""

    def __init__(self, examples: Iterable[tuple[str, Path | None]]) -> None:
        hits = Counter[tuple[str | None, str]]()
        self._starts: list[tuple[str | None, str]] = [(folder, "") for folder in (*_FOLDERS, None)]
        self._starts += [(folder, suffix) for suffix in SUFFIXES for folder in (*_FOLDERS, None)]
        for name, base in examples:
            hits.update(start for start in self._starts if os.path.isfile(_placed(name, base, start)))  # noqa: PTH113
        self._starts.sort(key=lambda start: -hits[start])
        folder, suffix = self._starts[0] if hits else (".", "")
        if hits:  # elsewhere another file of that name may lie
            self._starts = [start for start in self._starts if any(start[0] == found[0] for found in hits)]
        where = "the working folder" if folder is None else "the source's folder" if folder == "." else folder + "/"
        self.told = f"files in {where}" + (f", with {suffix} after their names" if suffix else "")
        """Where the files were found, in words."""

    def path_of(self, name: str, base: Path | None) -> Path:
        """The file of this name, absolute; UnusableError where there is none."""
        if "://" in name and not name.startswith("file://"):
            raise UnusableError(Kind.MISSING_FILE, f"an address, {name:.100}; fetch it and name the file")
        name = name.removeprefix("file://")
        for written in dict.fromkeys((name, name.replace("\\", "/"))):
            for start in self._starts:
                path = _placed(written, base, start)
                if os.path.isfile(path):  # noqa: PTH113  # Path's raises for long names and nulls
                    return Path(os.path.normpath(path))
        raise UnusableError(
            Kind.MISSING_FILE, f"no such file: {os.path.normpath(_placed(name, base, self._starts[0]))[:300]}"
        )


def sound_in(value: Any) -> str | Inside:
    """The path that a value of a column of sound names, or the sound in it; UnusableError where it is neither."""
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, bytes):
        return Inside(value, "")
    if isinstance(value, dict):
        name = str(value.get("path") or "")
        if isinstance(value.get("bytes"), bytes):
            return Inside(value["bytes"], name)
        if value.get("array") is not None:
            return Inside(_as_wav(value["array"], value.get("sampling_rate")), name)
        if name:
            return name
    if value is None or value in ("", {}):
        raise UnusableError(Kind.MISSING_FIELD, "no sound")
    raise UnusableError(Kind.WRONG_TYPE, f"sound is wanted, a path or bytes; this is {value!r:.40}")


def read(sound: Path | Inside) -> Sound:
    """Sound as 16 kHz mono; UnusableError for what is none."""
    try:
        return _decoded(sound, _MOST_SAMPLES_BESIDE)
    except LongError:
        with _alone:
            return _decoded(sound, None)


def cut(samples: np.ndarray, part: Part) -> np.ndarray:
    """A part of a recording; UnusableError where it lies behind the recording's end."""
    end = len(samples) if part.end_s is None else round(part.end_s * SAMPLE_RATE)
    piece = samples[round(part.start_s * SAMPLE_RATE) : end]
    if not len(piece):
        message = f"begins at {part.start_s:g} s, and its recording has {len(samples) / SAMPLE_RATE:.2f} s"
        raise UnusableError(Kind.ZERO_LENGTH, message)
    return piece


def _decoded(sound: Path | Inside, most_samples: int | None) -> Sound:
    if isinstance(sound, Inside):
        return decode(io.BytesIO(sound.data), path=Path(sound.name or "SOUND"), most_samples=most_samples)
    try:
        size = sound.stat().st_size
        if size > MOST_BYTES:
            raise UnusableError(Kind.TOO_LARGE, f"{sound} has {size:,} bytes, over {MOST_BYTES:,}; cut it")
        with sound.open("rb") as file:
            return decode(file, path=sound, most_samples=most_samples)
    except OSError as error:
        raise UnusableError(Kind.MISSING_FILE, f"{sound} cannot be read: {error.strerror}") from error


def _as_wav(samples: Any, rate: Any) -> bytes:
    """Samples as `datasets` decodes them, channels first where there are several, as bytes of a WAV file."""
    try:
        values = np.atleast_2d(np.asarray(samples, np.float32)).T
        held = io.BytesIO()
        soundfile.write(held, values, int(rate), format="WAV", subtype="FLOAT")
    except (TypeError, ValueError, soundfile.SoundFileError) as error:
        raise UnusableError(Kind.WRONG_TYPE, f"samples and a rate are wanted: {error}") from None
    return held.getvalue()


def _placed(name: str, base: Path | None, start: tuple[str | None, str]) -> str:
    folder, suffix = start
    below = str(Path.cwd()) if folder is None or base is None else f"{base}/{folder}"
    return os.path.join(below, name) + suffix  # noqa: PTH118  # an absolute name stays as it is
