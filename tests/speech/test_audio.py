"""Files as they come, to 16 kHz mono; what is no speech is reported by kind."""

import errno
import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from recordings import tone

from raytrain.speech import audio
from raytrain.speech.audio import to_float
from raytrain.speech.problems import UnusableError


def decode(data: bytes) -> np.ndarray:
    return audio.decode(io.BytesIO(data)).samples


def notes_of(data: bytes) -> list[str]:
    return [str(kind) for kind, _ in audio.decode(io.BytesIO(data)).notes]


def file_of(sound: np.ndarray, sample_rate: int = 16_000, kind: str = "FLAC", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, sample_rate, format=kind, subtype=subtype)
    return file.getvalue()


def kind_of(data: bytes) -> str:
    with pytest.raises(UnusableError) as refused:
        decode(data)
    return str(refused.value.kind)


def loudest_hz(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * 16_000 / len(samples))


def test_sixteen_bit_sound_at_16_khz_comes_out_bit_for_bit() -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 40_000).astype(np.int16)
    assert np.array_equal(decode(file_of(samples)), samples)


def test_floats_are_what_soundfile_reads() -> None:
    data = file_of(tone(0.3))
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    assert np.array_equal(to_float(decode(data)), expected)


@pytest.mark.parametrize("sample_rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_any_sample_rate_keeps_its_length_and_pitch(sample_rate: int) -> None:
    samples = decode(file_of(tone(2.0, hz=440, sample_rate=sample_rate), sample_rate))
    assert abs(len(samples) - 32_000) <= 1
    assert loudest_hz(samples) == pytest.approx(440, abs=1)


def test_channels_are_averaged() -> None:
    stereo = np.stack([tone(0.5), tone(0.5, hz=500)], axis=1)
    assert np.allclose(to_float(decode(file_of(stereo))), (tone(0.5) + tone(0.5, hz=500)) / 2, atol=1e-4)


def test_a_channel_that_is_silent_throughout_is_not_mixed_in_and_noted() -> None:
    data = file_of(np.stack([np.zeros(8_000, np.float32), tone(0.5)], axis=1))
    assert np.allclose(to_float(decode(data)), tone(0.5), atol=1e-4)
    assert notes_of(data) == ["dead_channel"]


def test_a_channel_that_speaks_only_later_is_mixed_in_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "_BLOCK_VALUES", 1_000)
    late = np.concatenate([np.zeros(4_000, np.float32), tone(0.25)])
    data = file_of(np.stack([tone(0.5), late], axis=1))
    assert np.allclose(to_float(decode(data)), (tone(0.5) + late) / 2, atol=1e-4)
    assert notes_of(data) == []


@pytest.mark.parametrize("sound", [np.zeros(8_000), np.stack([tone(0.5), -tone(0.5)], axis=1)])
def test_silence_and_channels_that_cancel_are_noted(sound: np.ndarray) -> None:
    assert notes_of(file_of(sound)) == ["silence"]


def test_a_clip_shorter_than_a_word_is_noted() -> None:
    assert [notes_of(file_of(tone(seconds))) for seconds in (0.049, 0.051)] == [["under_50_ms"], []]


def test_a_long_recording_resampled_block_by_block_has_no_seams() -> None:
    sound = tone(60.0, hz=440, sample_rate=44_100)
    samples = to_float(decode(file_of(sound, 44_100)))
    middle = slice(16_000, -16_000)
    assert np.allclose(samples[middle], tone(60.0, hz=440)[middle], atol=1e-3)


@pytest.mark.parametrize("kind", ["WAV", "OGG", "MP3"])
def test_other_formats_are_read_too(kind: str) -> None:
    assert len(decode(file_of(tone(1.0), kind=kind))) == 16_000


def test_louder_than_full_scale_is_clipped_and_never_wraps() -> None:
    assert decode(file_of(np.full(100, 3.0, np.float32), kind="WAV", subtype="FLOAT")).tolist() == [32767] * 100


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_told(bad: float) -> None:
    sound = tone(0.5)
    sound[4000] = bad
    assert kind_of(file_of(sound, kind="WAV", subtype="FLOAT")) == "not_finite"


@pytest.mark.parametrize("data", [b"", file_of(np.zeros(0, np.float32), kind="WAV")])
def test_no_sound_at_all_is_told(data: bytes) -> None:
    assert kind_of(data) == "zero_length"


@pytest.mark.parametrize("kept", [10, 60, 2_000, -1])
def test_a_truncated_flac_is_told(kept: int) -> None:
    noise = np.random.default_rng(0).normal(scale=0.1, size=16_000)
    assert kind_of(file_of(noise)[:kept]) == "undecodable"


def wav(sound: np.ndarray, *, claimed: int, more: bytes = b"", extensible: bool = False) -> bytes:
    """A WAV of 16 bits whose header claims so many bytes of sound; `more` stands behind the sound."""
    file = bytearray(file_of(sound, kind="WAVEX" if extensible else "WAV", subtype="PCM_16"))
    place = file.rindex(b"data") + 4
    file[place : place + 4] = struct.pack("<I", claimed)
    return bytes(file) + more


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("claimed", [0, 1, 999, 31_998, 32_002, 2**31 - 2])
def test_a_wav_is_decoded_to_its_end_whatever_its_header_says_and_noted(claimed: int, extensible: bool) -> None:
    data = wav(tone(1.0), claimed=claimed, extensible=extensible)
    assert np.array_equal(decode(data), decode(file_of(tone(1.0), kind="WAV")))
    assert notes_of(data) == ["header"]


def test_silence_behind_the_size_that_a_wav_claims_is_sound_too() -> None:
    data = wav(np.zeros(16_000), claimed=1_000)
    assert (len(decode(data)), notes_of(data)) == (16_000, ["header", "silence"])


@pytest.mark.parametrize("claimed", [2**31 - 1, 2**32 - 1])
def test_the_size_that_a_stream_leaves_in_a_wav_is_not_worth_noting(claimed: int) -> None:
    data = wav(tone(1.0), claimed=claimed)
    assert (len(decode(data)), notes_of(data)) == (16_000, [])


def test_what_stands_behind_the_sound_of_a_wav_is_not_heard() -> None:
    more = b"LIST" + struct.pack("<I", 5) + b"hello\0" + b"id3 " + struct.pack("<I", 4) + b"tags"
    data = wav(tone(1.0), claimed=32_000, more=more)
    assert (len(decode(data)), notes_of(data)) == (16_000, [])


def test_a_cut_wav_is_kept_and_noted_though_its_decoder_says_nothing() -> None:
    data = file_of(tone(1.0), kind="WAV")[:-1000]
    assert (len(decode(data)), notes_of(data)) == (15_500, ["header"])


@pytest.mark.parametrize(("claimed", "notes"), [(0, []), (3_000, ["header"])])
def test_a_flac_that_says_less_than_it_holds_is_decoded_to_its_end(claimed: int, notes: list[str]) -> None:
    data = bytearray(file_of(tone(1.0)))
    data[22:26] = struct.pack(">I", claimed)
    assert (len(decode(bytes(data))), notes_of(bytes(data))) == (16_000, notes)


def test_a_flac_that_ends_before_it_says_so_is_told_though_its_decoder_says_nothing() -> None:
    data = bytearray(file_of(tone(1.0)))
    data[22:26] = struct.pack(">I", 17_000)
    assert kind_of(bytes(data)) == "undecodable"


ID3 = b"ID3\x04\0\0" + bytes([0, 0, 2, 44]) + bytes(300)
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 50, 1, 0x80000000) + bytes(8) + b"x" * 50


def without_count(mp3: bytes) -> bytes:
    """The MP3 without its first frame, which counts the others."""
    second = mp3.index(mp3[:2], 100)
    assert b"Xing" in mp3[:second] or b"Info" in mp3[:second]
    return mp3[second:]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("bitrate", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize(("before", "behind"), [(b"", b""), (ID3, APE + b"TAG" + bytes(125))])
def test_an_mp3_that_does_not_count_its_frames_is_decoded_to_its_end(
    channels: int, sample_rate: int, bitrate: str, before: bytes, behind: bytes
) -> None:
    # A variable rate that starts low has its length guessed too long, and one that starts high too short.
    fade = np.linspace(1, 0, 4 * sample_rate) ** 4
    sound = np.random.default_rng(0).normal(scale=0.2, size=4 * sample_rate) * fade
    file = io.BytesIO()
    soundfile.write(file, np.stack([sound] * channels, 1), sample_rate, format="MP3", bitrate_mode=bitrate)
    counted, uncounted = before + file.getvalue() + behind, before + without_count(file.getvalue()) + behind
    assert len(decode(counted)) == pytest.approx(64_000, abs=2)
    # Without the count nobody knows how much the encoder put before and behind the sound.
    assert 64_000 <= len(decode(uncounted)) <= 64_000 + 3_500 * 16_000 / sample_rate
    assert notes_of(counted) == notes_of(uncounted) == []


@pytest.mark.parametrize("encoder", [b"LAME", bytes(4)])
@pytest.mark.parametrize("frames", [3, 2_000])
def test_an_mp3_that_miscounts_its_frames_is_decoded_to_its_end_and_noted(frames: int, encoder: bytes) -> None:
    data = bytearray(file_of(tone(4.0), kind="MP3").replace(b"LAME", encoder, 1))
    place = data.index(b"Xing") + 8
    data[place : place + 4] = struct.pack(">I", frames)
    assert 64_000 <= len(decode(bytes(data))) <= 67_000
    assert notes_of(bytes(data)) == ["header"]


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_cut_mp3_is_kept_as_far_as_it_goes_and_noted(kept: float, capfd: pytest.CaptureFixture) -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(0).normal(scale=0.2, size=64_000)
    soundfile.write(file, noise, 16_000, format="MP3", bitrate_mode="CONSTANT")
    cut = file.getvalue()[: round(kept * len(file.getvalue()))]
    assert len(decode(cut)) == pytest.approx(kept * 64_000, abs=3_000)
    assert notes_of(cut) == ["header"]
    assert capfd.readouterr().err == ""  # the decoder has warnings of its own


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "an MP4, M4A or 3GP file"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81", "a WebM or Matroska file"),
        (b"#!AMR\n", "an AMR file"),
    ],
)
def test_a_format_that_is_not_read_is_named_with_the_command_that_converts_it(start: bytes, kind: str) -> None:
    with pytest.raises(UnusableError) as refused:
        audio.decode(io.BytesIO(start + bytes(200)), path=Path("a clip.x"))
    assert str(refused.value) == (f"{kind}, which is not read here; convert it: `ffmpeg -i 'a clip.x' 'a clip.wav'`")


class Failing(io.BytesIO):
    """A file on a disk that fails from some place on."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 10_000:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


def test_a_disk_that_fails_on_the_way_is_not_the_end_of_the_sound(capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(OSError, match="Input/output error"):
        audio.decode(Failing(file_of(tone(2.0), kind="WAV")))
    assert capfd.readouterr().err == ""


def test_more_sound_than_anybody_records_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "MOST_HOURS", 1 / 3600)
    assert len(decode(file_of(tone(1.0)))) == 16_000
    assert kind_of(file_of(tone(1.01))) == "too_large"


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_more_samples_than_are_worth_decoding_are_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "MOST_VALUES", 2 * 60 * 16_000)
    minute = np.stack([np.tile(tone(1.0), 60)] * 2, axis=1)
    assert len(decode(file_of(minute, kind=kind))) == 60 * 16_000
    with pytest.raises(UnusableError, match=r"over 1 min of sound at 16,000 Hz in 2 channels; cut it"):
        decode(file_of(np.concatenate([minute, minute[:1]]), kind=kind))


def test_a_sparse_file_of_hours_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "_at_16_khz", None)  # would be called to decode
    path = tmp_path / "long.wav"
    path.write_bytes(file_of(tone(1.0), kind="WAV"))
    os.truncate(path, 2**28)
    with path.open("rb") as file, pytest.raises(UnusableError, match="over 2 hours of sound; cut it"):
        audio.decode(file)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"<html>Not found</html>", "HTML or XML, and no sound"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS .*, and no sound"),
        (b"what is this? ", "Format not recognised"),
    ],
)
def test_what_is_no_sound_is_told(start: bytes, said: str) -> None:
    with pytest.raises(UnusableError, match=said) as refused:
        decode(start * 100)
    assert refused.value.kind == "undecodable"
