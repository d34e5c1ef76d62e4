"""Manifests and sound files as nobody would write them: a random generator in, bytes that a door has to survive out."""

import io
import json
import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile

STRANGE_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 7, 2.5, 1e308, 10**400, [], {}, [[]], "", " ", "0", "1e3", "nan", "\0", "\ud800"),
    *("a" * 5_000, "../../etc/passwd", "/dev/zero", "..", ".", "C:\\data\\a.wav", "audio\\a.wav", "http://x/a.wav"),
    *("\x1b[31mred\x1b[0m", "\u202egnp.exe", "anna\u200b", "a\nb", "<|endoftext|>", "<|0.00|>", "<script>", "…", "{}"),
)
_FIELDS = (
    *("utterance_id", "child_id", "session_id", "audio_path", "age_bucket", "orthographic_text"),
    *("audio_duration_sec", "md5_hash", "filesize_bytes", "unknown"),
)
_ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig")


def mutated_manifest(rng: random.Random, *, audio: tuple[str, ...] = ("a.wav",)) -> bytes:
    """A manifest of a few lines that name `audio`, damaged in one to four ways."""
    rows = [_row(number, rng.choice(audio)) for number in range(rng.randint(1, 5))]
    for _ in range(rng.randint(0, 3)):
        rng.choice(rows)[rng.choice(_FIELDS)] = rng.choice(STRANGE_VALUES)
    text = rng.choice(_FORMS)(rows)
    data = text.encode(rng.choice(_ENCODINGS), "replace") if rng.random() < 0.15 else text.encode("utf-8", "replace")
    return _damaged(data, rng) if rng.random() < 0.6 else data


def mutated_sound(rng: random.Random) -> tuple[bytes, str]:
    """A short sound file, damaged in one to four ways, and its suffix."""
    data, suffix = _sound(rng)
    if suffix == ".wav" and rng.random() < 0.4:
        place = data.rindex(b"data") + 4
        data = data[:place] + struct.pack("<I", rng.choice(_SIZES)) + data[place + 4 :]
    for _ in range(rng.randint(0, 3)):
        data = _damaged(data, rng)
    return data, suffix


def _row(number: int, audio: str) -> dict[str, Any]:
    texts = {"session_id": "s", "age_bucket": "5-7", "orthographic_text": "the dog runs home"}
    return {"utterance_id": f"u{number}", "child_id": f"c{number % 2}", "audio_path": audio, **texts}


def _as_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _as_csv(rows: list[dict[str, Any]]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)])


_FORMS: tuple[Callable[[list[dict[str, Any]]], str], ...] = (
    *(_as_lines,) * 6,
    json.dumps,
    lambda rows: json.dumps(rows, indent=1),
    lambda rows: json.dumps(rows[0], indent=1),
    _as_csv,
    lambda rows: _as_csv(rows).replace(",", "\t"),
    lambda rows: _as_lines(rows).replace("\n", "\r\n"),
    lambda rows: _as_lines(rows).replace("\n", ""),
    lambda rows: "[" * 50_000 + _as_lines(rows),
)
_SIZES = (0, 1, 7, 99, 2**31 - 1, 2**31, 2**32 - 1)
_WRITTEN = (
    *(("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "PCM_U8"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_24")),
    *(("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"), ("RF64", "PCM_16")),
)


def _sound(rng: random.Random) -> tuple[bytes, str]:
    kind, subtype = rng.choice(_WRITTEN)
    rate, channels = rng.choice((8_000, 16_000, 44_100)), rng.choice((1, 1, 2))
    samples = np.random.default_rng(rng.randrange(2**32)).normal(
        scale=0.1, size=(rng.choice((1, 400, 9_000)), channels)
    )
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue(), "." + kind.lower().replace("wavex", "wav").replace("rf64", "wav")


def _damaged(data: bytes, rng: random.Random) -> bytes:
    place, size = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 30, 500))
    ways = (
        lambda: data[:place],
        lambda: data[place:],
        lambda: data[:place] + rng.randbytes(size) + data[place:],
        lambda: data[:place] + rng.randbytes(size) + data[place + size :],
        lambda: data[:place] + data[place + size :],
        lambda: data[:40] + rng.randbytes(size) + data[40 + size :],
        lambda: data + data[:place],
        lambda: data + bytes(size),
    )
    return rng.choice(ways)()
