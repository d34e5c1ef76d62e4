"""A folder of recordings in; the noise in them, as Noises, out. They are read once and kept in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from raytrain.errors import InputError
from raytrain.files import at_home
from raytrain.speech.audio import SAMPLE_RATE, LongError, decode
from raytrain.speech.file_kinds import kind_of_file
from raytrain.speech.problems import UnusableError

MOST_HOURS = 4.0
"""Of noise in all: 440 MiB."""
_KEY = "augmentation.noise_folder"


@dataclass(frozen=True)
class Noises:
    """Recordings of noise: int16 at 16 kHz, none of them silent."""

    recordings: Sequence[np.ndarray]


def noise_files(folder: str) -> list[Path]:
    """The files of sound in a folder and below, by name; InputError where there is no such folder, or none in it."""
    home = at_home(folder).absolute()
    if not home.is_dir():
        raise InputError(f"{_KEY}: {folder}: there is no such folder; name one with recordings of noise")
    files = [path for path in sorted(home.rglob("*")) if path.is_file() and _is_sound(path)]
    if not files:
        raise InputError(f"{_KEY}: {folder}: holds no sound; FLAC, WAV, OGG and MP3 can be read")
    return files


def read_noises(folder: str) -> Noises:
    """The recordings in a folder; InputError where one cannot be read, or all together are longer than 4 hours."""
    recordings: list[np.ndarray] = []
    left = round(MOST_HOURS * 3600 * SAMPLE_RATE)
    for path in noise_files(folder):
        try:
            with path.open("rb") as file:
                samples = decode(file, path=path, most_samples=left).samples
        except LongError:
            raise InputError(
                f"{_KEY}: {folder}: has more than {MOST_HOURS:g} hours of sound, which are kept in memory; take fewer "
                "or shorter recordings"
            ) from None
        except (UnusableError, OSError) as error:
            raise InputError(f"{_KEY}: {path}: {error}; take it out, or convert it to FLAC") from None
        left -= len(samples)
        if samples.any():
            recordings.append(samples)
    if not recordings:
        raise InputError(f"{_KEY}: {folder}: all its recordings are silent; name a folder with noise")
    return Noises(recordings)


def _is_sound(path: Path) -> bool:
    """By its first bytes, and not by its name: notes and licences lie beside recordings."""
    with path.open("rb") as file:
        kind = kind_of_file(file.read(16))
    return kind.is_sound if kind is not None else path.suffix.lower() == ".mp3"
