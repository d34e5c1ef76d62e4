"""Files as they come, to 16 kHz mono; what is no speech is reported by kind."""

import io

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
    stereo = np.stack([tone(0.5), np.zeros(8_000, np.float32)], axis=1)
    assert np.allclose(to_float(decode(file_of(stereo))), tone(0.5) / 2, atol=1e-4)


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


def test_a_truncated_wav_is_told_though_its_decoder_says_nothing() -> None:
    assert kind_of(file_of(tone(1.0), kind="WAV")[:-1000]) == "undecodable"


def test_what_is_no_sound_is_told() -> None:
    assert kind_of(b"<html>Not found</html>" * 100) == "undecodable"
