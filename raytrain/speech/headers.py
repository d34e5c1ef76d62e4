"""Headers of sound files that promise less than there is: an open file in; one that is decoded to its end, out.

A decoder stops where the header says so. Recorders that were switched off, streams and cuts leave headers that say
something else than the file holds; how long an MP3 is that does not count its frames is guessed from the first few.
"""

import io
import struct
from typing import BinaryIO, NamedTuple

_MOST_CHUNKS = 10_000
_PLACEHOLDER = 2**31 - 1
"""Bytes of sound that a WAV claims at least where it was written to a stream, which could not know."""
_NO_END = 2**28
"""Frames of an MP3, 80 days or more: what a header says that shall not cut the sound."""
_TAG_WITHIN = 200
_COUNTS_FRAMES, _COUNTS_BYTES = 1, 2
_MP3_BITRATE = 9
"""Of the frame put in front: 128 kbit/s in MPEG 1, 80 in MPEG 2 and 2.5."""
_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


class Overlaid:
    """An open file whose first `replaced` bytes read as `head`. A disk's error ends the file, and is kept.

    The decoder reads by callbacks, and what these raise is printed and lost.
    """

    def __init__(self, file: BinaryIO, head: bytes = b"", replaced: int = 0) -> None:
        self._file, self._head, self._shift = file, head, len(head) - replaced
        self._size = file.seek(0, io.SEEK_END) + self._shift
        self._place = 0
        self.error: OSError | None = None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; one before the file's begin is its begin."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """The place that is read next."""
        return self._place

    def place_in_file(self) -> int:
        """The place in the open file that is read next, once the head is behind."""
        return self._place - self._shift

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many."""
        data = bytearray(size)
        return bytes(data[: self.readinto(data)])

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill the buffer as far as the file goes; the number of bytes."""
        view = memoryview(buffer)
        from_head = self._head[self._place : self._place + len(view)]
        view[: len(from_head)] = from_head
        number = len(from_head)
        try:
            if number < len(view):
                self._file.seek(self._place + number - self._shift)
                rest = self._file.read(len(view) - number)
                view[number : number + len(rest)] = rest
                number += len(rest)
        except OSError as error:
            self.error = error
        self._place += number
        return number


class Mended(NamedTuple):
    """A sound file to decode to its end, and how far its own header was from that."""

    file: Overlaid
    note: str | None


def mended(file: BinaryIO) -> Mended:
    """The file with a WAV's size of sound as it is, and with FLAC's or MP3's length left open where that is a guess."""
    start = _read(file, 0, 26)
    if start.startswith(b"RIFF") and start[8:12] == b"WAVE":
        return _mended_wav(file)
    if start.startswith(b"fLaC") and len(start) == 26:
        # 36 bits: the number of samples in all, of which 0 says that it is not known.
        return Mended(Overlaid(file, start[:21] + bytes([start[21] & 0xF0]) + bytes(4), 26), None)
    return Mended(_mended_mp3(file) or Overlaid(file), None)


def flac_samples(file: BinaryIO) -> int | None:
    """The number of samples that a FLAC's own header says; None where it says none, or this is no FLAC."""
    start = _read(file, 0, 26)
    if not start.startswith(b"fLaC") or len(start) < 26:
        return None
    return int.from_bytes(start[21:26], "big") & (2**36 - 1) or None


def mp3_without_end(file: BinaryIO, *, read_to: int) -> Overlaid | None:
    """An MP3 with a count that does not cut its sound; None where no sound follows the place it was read to."""
    start = _mp3_start(file)
    frame = _read(file, start, _TAG_WITHIN)
    if _count_in(frame) is None or not _holds_frames(_read(file, read_to, 2**16), frame):
        return None
    return _counted_mp3(file, start, frame, frames=_NO_END)


def _mended_mp3(file: BinaryIO) -> Overlaid | None:
    """An MP3 that counts its frames; None where this is none of layer III, or is counted in Fraunhofer's way."""
    start = _mp3_start(file)
    frame = _read(file, start, _TAG_WITHIN)
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE6 != 0xE2 or b"VBRI" in frame:
        return None
    if _count_in(frame) is not None:
        return _counted_mp3(file, start, frame)
    first = _counting_frame(frame[:4])
    return None if first is None else Overlaid(file, first, start)


def _counted_mp3(file: BinaryIO, start: int, frame: bytes, *, frames: int | None = None) -> Overlaid:
    """An MP3 whose first frame says the file's size as it is, for its decoder warns on stderr of any other, and the
    number of frames where one is given."""
    head, place = bytearray(frame), _count_in(frame) or 0
    flags, size = frame[place - 1], file.seek(0, io.SEEK_END) - start
    if frames is not None and flags & _COUNTS_FRAMES:
        head[place : place + 4] = struct.pack(">I", frames)
    if flags & _COUNTS_BYTES:
        place += 4 if flags & _COUNTS_FRAMES else 0
        head[place : place + 4] = struct.pack(">I", size)
    return Overlaid(file, bytes(head), start + len(frame))


def _count_in(frame: bytes) -> int | None:
    """The place of an MP3's count, if it has one, behind four bytes of name and four of flags."""
    tag = max(frame.find(b"Xing"), frame.find(b"Info"))
    return tag + 8 if tag > 0 and len(frame) >= tag + 16 else None


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)


def _mended_wav(file: BinaryIO) -> Mended:
    size = file.seek(0, io.SEEK_END)
    data = _data_chunk(file, size)
    if data is None:
        return Mended(Overlaid(file), None)
    place, claimed = data
    there = size - place - 8
    if claimed == there or (claimed < there and _chunks_follow(file, place + 8 + claimed, size)):
        return Mended(Overlaid(file), None)
    head = bytearray(_read(file, 0, place + 8))
    head[4:8] = struct.pack("<I", min(size - 8, 2**32 - 1))
    head[place + 4 :] = struct.pack("<I", min(there, 2**32 - 1))
    note = None if claimed >= _PLACEHOLDER else f"{there} bytes of sound, its header says {claimed}"
    return Mended(Overlaid(file, bytes(head), len(head)), note)


def _data_chunk(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Where a WAV's `data` stands, and the size that it claims."""
    place = 12
    for _ in range(_MOST_CHUNKS):
        header = _read(file, place, 8)
        if len(header) < 8 or place > 2**20:  # the head is kept in memory
            return None
        length = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            return place, length
        place += 8 + length + length % 2
    return None


def _chunks_follow(file: BinaryIO, place: int, size: int) -> bool:
    """Whether what follows a WAV's sound is other chunks, up to the end of the file, and no more sound."""
    place += place % 2
    for _ in range(_MOST_CHUNKS):
        if size - place < 8:  # some pad a file's end
            return not any(_read(file, place, 8))
        header = _read(file, place, 8)
        if not all(32 <= letter < 127 for letter in header[:4]):
            return False
        length = int.from_bytes(header[4:], "little")
        place += 8 + length + length % 2
        if place > size + 1:
            return False
    return False


def _mp3_start(file: BinaryIO) -> int:
    """Where an MP3's first frame stands, behind its ID3v2 tags."""
    place = 0
    for _ in range(_MOST_CHUNKS):
        header = _read(file, place, 10)
        if not header.startswith(b"ID3") or len(header) < 10:
            return place
        length = 0
        for part in header[6:]:
            length = length << 7 | part & 0x7F
        place += 10 + length
    return place


def _holds_frames(rest: bytes, frame: bytes) -> bool:
    """Whether what the decoder left holds more frames of the same MP3: tags at its end have no such headers."""
    second, third = frame[1] & 0xFE, frame[2] & 0x0C
    found, place = 0, rest.find(b"\xff")
    while 0 <= place < len(rest) - 2 and found < 2:
        found += rest[place + 1] & 0xFE == second and rest[place + 2] & 0x0C == third
        place = rest.find(b"\xff", place + 1)
    return found >= 2


def _counting_frame(header: bytes) -> bytes | None:
    """A frame without sound, to stand before others of this header, that says how many follow."""
    version, rate = header[1] >> 3 & 3, header[2] >> 2 & 3
    if version not in _MP3_RATES or rate == 3:
        return None
    mono, first = header[3] >> 6 == 3, version == 3
    side_bytes = (17 if mono else 32) if first else (9 if mono else 17)
    length = (144 * 128_000 if first else 72 * 80_000) // _MP3_RATES[version][rate]
    start = bytes([header[0], header[1] | 1, _MP3_BITRATE << 4 | rate << 2, header[3]])
    return (start + bytes(side_bytes) + b"Xing" + struct.pack(">II", 1, _NO_END)).ljust(length, b"\0")
