"""Sound files: FLAC, WAV, OGG or MP3 at any rate and channel count in, 16 kHz mono 16-bit samples and notes out.

Sound is decoded to its end, whatever the header says. What a hostile file can cost is bounded: it is read block by
block, and given up once it is longer than anybody's recording.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from raytrain.speech.file_kinds import kind_of_file
from raytrain.speech.headers import Overlaid, flac_samples, mended, mp3_without_end
from raytrain.speech.problems import Kind, UnusableError

SAMPLE_RATE = 16_000
MOST_HOURS = 2.0
"""Of sound in one file, 220 MiB at 16 kHz: a small file can decode to days of silence."""
MOST_VALUES = 2 * 3600 * 48_000
"""Samples of all channels in one file, an hour in stereo at 48 kHz: some seconds of decoding."""
MOST_BYTES = 2**31
"""Of one file: two hours at 48 kHz, stereo, 24 bits."""
_SHORTEST_S = 0.05
_SILENCE = 2
"""A sample of 16 bits whose size is at most this is silence: dither, and what is left where two channels cancel."""
_DEAD = 2.0**-16
"""A channel never louder than this rounds to nothing at 16 bits."""
_LOUDEST = 2.0**15
"""What a sample of floats is cut to before it is resampled, far over full scale: sums of 1e38 are infinite."""
_BLOCK_VALUES = 2**18
_COMPRESSED = ("FLAC", "MP3", "OGG")
_UNKNOWN_FRAMES = 2**36  # and more: what decoders say that do not know a length, or were told of none


class LongError(Exception):
    """There is more sound than the caller takes."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What one file holds."""

    samples: np.ndarray
    """int16 at 16 kHz."""
    notes: tuple[tuple[Kind, str], ...] = ()
    """What is worth knowing of it."""


def decode(file: BinaryIO, *, path: Path = Path("SOUND"), most_samples: int | None = None) -> Sound:
    """An open file's sound, channels averaged and resampled; UnusableError for what is none. 16-bit 16 kHz mono comes
    out bit for bit. `path` is its name in messages. LongError where it has more than `most_samples` at 16 kHz."""
    start = file.read(64)
    if not start:
        raise UnusableError(Kind.ZERO_LENGTH, "the file is empty")
    source, header_note = mended(file)
    try:
        decoded = _decoded(source, most_samples)
        if decoded.format == "MP3":
            longer = mp3_without_end(file, read_to=source.place_in_file())
            if longer is not None:
                source, header_note = longer, "its header says less sound than there is"
                decoded = _decoded(source, most_samples)
    except soundfile.SoundFileError as error:
        if source.error is not None:
            raise source.error from error
        raise UnusableError(Kind.UNDECODABLE, _undecodable(start, path, error)) from error
    if source.error is not None:
        raise source.error
    if not len(decoded.samples):
        raise UnusableError(Kind.ZERO_LENGTH, "no samples")
    header_note = header_note or _shortfall(decoded, file)
    notes = [(Kind.HEADER, header_note)] if header_note else []
    return Sound(decoded.samples, (*notes, *_notes(decoded)))


def to_float(samples: np.ndarray) -> np.ndarray:
    """int16 samples as float32 in [-1, 1)."""
    return samples.astype(np.float32) * np.float32(1 / 32768)


@dataclass(frozen=True, slots=True)
class _Decoded:
    samples: np.ndarray
    format: str
    frames: int
    """Samples a channel that were there, at the file's own rate."""
    claimed: int
    """Samples a channel that the decoder took the header to say."""
    log: str
    """The decoder's own account of the header."""
    live: np.ndarray
    """Whether each channel holds any sound."""


def _decoded(source: Overlaid, most_samples: int | None) -> _Decoded:
    live = np.zeros(0, bool)
    while True:
        source.seek(0)
        with _OneWay(source) as file:
            # A damaged header can ask for terabytes of resampled silence.
            if not 1_000 <= file.samplerate <= 1_000_000:
                raise UnusableError(Kind.UNDECODABLE, f"a sample rate of {file.samplerate} Hz")
            if file.format not in _COMPRESSED:  # their length is that of their bytes, which are there
                _check_length(file, file.frames)
            channels = _Channels(file, live)
            sound = bytearray()
            for block in _at_16_khz(iter(channels), file.samplerate):
                sound += block.tobytes()
                if most_samples is not None and len(sound) > 2 * most_samples:
                    raise LongError
            if np.array_equal(channels.live, channels.mixed) or not channels.live.any():
                samples = np.frombuffer(sound, np.int16)
                return _Decoded(samples, file.format, channels.frames, file.frames, file.extra_info, channels.live)
            live = channels.live  # a channel that was silent at first spoke later: mix it in from the start


class _OneWay(soundfile.SoundFile):
    """A file that is read from begin to end. soundfile seeks after each read, which a FLAC of unknown length fails."""

    def seekable(self) -> bool:
        """It is not gone back in."""
        return False


class _Channels:
    """A file's blocks mixed to mono: the mean of its channels, without those that are silent throughout."""

    def __init__(self, file: soundfile.SoundFile, live: np.ndarray) -> None:
        self._file = file
        self.live = live if len(live) else np.zeros(file.channels, bool)
        """The channels that have had any sound so far."""
        self.mixed = self.live
        """The channels that are mixed."""
        self.frames = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        block_frames = max(1, _BLOCK_VALUES // self._file.channels)
        while len(block := self._file.read(block_frames, dtype="float32", always_2d=True)):
            peak = max(-block.min(), block.max())
            if not np.isfinite(peak):
                raise UnusableError(Kind.NOT_FINITE, "NaN or infinite samples")
            if peak > _LOUDEST:
                np.clip(block, -_LOUDEST, _LOUDEST, out=block)
            self.frames += len(block)
            _check_length(self._file, self.frames)
            if block.shape[1] == 1:
                self.live = self.mixed = np.ones(1, bool)
                yield block[:, 0]
                continue
            if not self.live.all():
                self.live = self.live | (np.abs(block).max(axis=0) > _DEAD)
            if not self.mixed.any():
                self.mixed = self.live  # most files are one block, and need no second reading
            yield _mean(block, np.flatnonzero(self.mixed) if self.mixed.any() else range(block.shape[1]))


def _check_length(file: soundfile.SoundFile, frames: int) -> None:
    """UnusableError where so many samples a channel are more than is worth decoding."""
    hours = min(MOST_HOURS, MOST_VALUES / file.channels / file.samplerate / 3600)
    if frames > hours * 3600 * file.samplerate:
        of_what = f" at {file.samplerate:,} Hz in {file.channels} channels" if hours < MOST_HOURS else ""
        time = f"{hours:.3g} hours" if hours >= 1 else f"{60 * hours:.3g} min"
        raise UnusableError(Kind.TOO_LARGE, f"over {time} of sound{of_what}; cut it into utterances")


def _mean(block: np.ndarray, channels: Sequence[int] | np.ndarray) -> np.ndarray:
    """Channel by channel: along an axis as short as that, numpy's own mean takes ten times as long."""
    total = block[:, channels[0]].copy()
    for channel in channels[1:]:
        total += block[:, channel]
    return np.divide(total, np.float32(len(channels)), out=total)


def _at_16_khz(blocks: Iterator[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
    if sample_rate == SAMPLE_RATE:
        yield from map(_to_int16, blocks)
        return
    resampler = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32")
    for block in blocks:
        yield _to_int16(resampler.resample_chunk(np.ascontiguousarray(block)))
    yield _to_int16(resampler.resample_chunk(np.zeros(0, np.float32), last=True))


def _to_int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype(np.int16)


def _shortfall(decoded: _Decoded, file: BinaryIO) -> str | None:
    """What to note where there was another number of samples than the header says."""
    if decoded.format == "FLAC":
        claimed = flac_samples(file) or decoded.frames
        if decoded.frames < claimed:  # it counts and checks itself: a shorter one is a broken copy
            raise UnusableError(Kind.UNDECODABLE, f"truncated: {decoded.frames} of {claimed} samples")
    else:
        # libsndfile shortens a cut file quietly; only its log says so.
        cut = re.search(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)", decoded.log, re.MULTILINE)
        if cut:
            return f"{cut[2]} bytes of sound, its header says {cut[1]}"
        claimed = decoded.claimed
        if claimed >= _UNKNOWN_FRAMES:
            return None
    if decoded.frames != claimed:
        return f"{decoded.frames} samples of sound, its header says {claimed}"
    return None


def _notes(decoded: _Decoded) -> Iterator[tuple[Kind, str]]:
    samples, live = decoded.samples, decoded.live
    seconds = len(samples) / SAMPLE_RATE
    if seconds < _SHORTEST_S:
        yield Kind.UNDER_50_MS, f"{1000 * seconds:.3g} ms: shorter than any word"
    if max(int(samples.max()), -int(samples.min())) <= _SILENCE:
        cancel = len(live) > 1 and live.any()
        yield Kind.SILENCE, "its channels cancel each other: silence once mixed" if cancel else "nothing but silence"
    elif not live.all():
        numbers = ", ".join(str(number) for number in np.flatnonzero(~live) + 1)
        yield Kind.DEAD_CHANNEL, f"channel {numbers} of {len(live)} is silent: the sound is that of the others"


def _undecodable(start: bytes, path: Path, error: soundfile.SoundFileError) -> str:
    said = re.sub(r"^Error opening <.*?>: ", "", str(error))
    kind = kind_of_file(start)
    if "recogni" not in said or kind is None:
        return said or "not decodable"
    if not kind.is_sound:
        return f"{kind.name}, and no sound"
    wanted = shlex.quote(str(path.with_suffix(".wav")))
    return f"{kind.name}, which is not read here; convert it: `ffmpeg -i {shlex.quote(str(path))} {wanted}`"
