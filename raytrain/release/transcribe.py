"""A named model and sound files in; each file's transcript, or why it has none, in their order, out.

Files are read as they come: no more is held at once than one long recording, or short ones for a few batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from raytrain.release.listener import Listener
from raytrain.release.sound_files import SoundFile
from raytrain.release.transcripts import Transcript
from raytrain.speech.audio import SAMPLE_RATE, Sound, to_float
from raytrain.speech.examine import read_sound
from raytrain.speech.problems import UnusableError
from raytrain.speech.progress_bar import ProgressCallback

_MOST_HELD_S = 480.0
"""Of sound that is heard together: sixteen windows of 30 s."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read, and why."""

    path: Path
    reason: str


def transcribe_files(
    listener: Listener, files: Sequence[SoundFile], *, progress: ProgressCallback
) -> Iterator[Transcript | Unread]:
    """What is heard in each file, in their order. `progress` is told of the files that are done, or of one alone the
    seconds."""
    waiting: list[tuple[Path, Sound] | Unread] = []
    held = 0
    for number, file in enumerate(files, start=1):
        try:
            sound = read_sound(file.path)
        except UnusableError as error:
            waiting.append(Unread(file.path, str(error)))
        else:
            waiting.append((file.path, sound))
            held += len(sound.samples)
        if held >= _MOST_HELD_S * SAMPLE_RATE or number == len(files):
            yield from _heard(listener, waiting, progress if len(files) == 1 else _unseen)
            waiting, held = [], 0
            if len(files) > 1:
                progress(number, len(files))


def _unseen(done: int, total: int) -> None:
    """Seconds of a few files among many are not shown."""


def _heard(
    listener: Listener, waiting: list[tuple[Path, Sound] | Unread], progress: ProgressCallback
) -> Iterator[Transcript | Unread]:
    recordings = [to_float(one[1].samples) for one in waiting if not isinstance(one, Unread)]
    seconds = sum(map(len, recordings)) / SAMPLE_RATE
    segments = iter(listener.listen(recordings, progress=lambda heard_s: progress(round(heard_s), round(seconds))))
    for one in waiting:
        if isinstance(one, Unread):
            yield one
        else:
            path, sound = one
            notes = [f"{kind}: {message}" for kind, message in sound.notes]
            yield Transcript(path, len(sound.samples) / SAMPLE_RATE, next(segments), notes)
