"""Audio files: bytes of FLAC (or WAV, OGG, MP3) at any rate and channel count in, 16 kHz mono 16-bit samples out."""

import io
import re
from collections.abc import Iterator

import numpy as np
import soundfile
import soxr

from raytrain.speech.problems import Kind, UnusableError

SAMPLE_RATE = 16_000
_BLOCK_VALUES = 2**20
_UNKNOWN_FRAMES = 2**62  # a FLAC written to a pipe does not know its own length


def decode(data: bytes) -> np.ndarray:
    """The file's sound as int16 at 16 kHz: channels averaged, resampled. 16-bit 16 kHz mono comes out bit for bit.

    It is read block by block, so that a long recording at a high rate costs no more memory than its result.
    """
    if not data:
        raise UnusableError(Kind.ZERO_LENGTH, "the file is empty")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _check_header(file)
            blocks = list(_at_16_khz(_mono_blocks(file), file.samplerate))
    except soundfile.SoundFileError as error:
        raise UnusableError(Kind.UNDECODABLE, re.sub(r"^Error opening <.*?>: ", "", str(error))) from error
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
    if not len(samples):
        raise UnusableError(Kind.ZERO_LENGTH, "no samples")
    return samples


def to_float(samples: np.ndarray) -> np.ndarray:
    """int16 samples as float32 in [-1, 1)."""
    return samples.astype(np.float32) * np.float32(1 / 32768)


def _check_header(file: soundfile.SoundFile) -> None:
    """Refuse a file whose header is damaged, or whose sound was cut."""
    # A damaged header can ask for terabytes of resampled silence.
    if not 1_000 <= file.samplerate <= 1_000_000:
        raise UnusableError(Kind.UNDECODABLE, f"a sample rate of {file.samplerate} Hz")
    # libsndfile shortens a cut WAV quietly; only its log says so. A size of 0 or about 2**32 is a stream's placeholder.
    cut = re.search(r"^data : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if cut and int(cut[2]) < int(cut[1]) < 2**31 - 1:
        raise UnusableError(Kind.UNDECODABLE, f"truncated: {cut[2]} of {cut[1]} bytes of sound")


def _mono_blocks(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    block_frames = max(1, _BLOCK_VALUES // file.channels)
    seen = 0
    while len(block := file.read(block_frames, dtype="float32", always_2d=True)):
        if not np.isfinite(block).all():
            raise UnusableError(Kind.NOT_FINITE, "NaN or infinite samples")
        seen += len(block)
        yield block[:, 0] if file.channels == 1 else block.mean(axis=1)
    if seen < file.frames < _UNKNOWN_FRAMES:
        raise UnusableError(Kind.UNDECODABLE, f"truncated: {seen} of {file.frames} samples")


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
