"""Changed sound: each change does what its number says, belongs to (seed, step, utterance), and can be drawn at all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from small_runs import PERTURBED, feed, small_config, small_whisper

from raytrain.config.augmentation import Augmentation
from raytrain.errors import InputError
from raytrain.memory.prediction import Longest, decoding_shape, step_shape
from raytrain.speech.audio import SAMPLE_RATE
from raytrain.speech.corpus import Corpus
from raytrain.speech.noises import read_noises
from raytrain.training import dsp
from raytrain.training.draws import Changes, draw, others
from raytrain.training.perturb import Perturbed
from raytrain.whisper.window import frames

SECOND = np.arange(SAMPLE_RATE) / SAMPLE_RATE
TONE = (0.3 * np.sin(2 * np.pi * 500 * SECOND)).astype(np.float32)


def hz(sound: np.ndarray) -> float:
    """Of the strongest frequency."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(spectrum.argmax() * SAMPLE_RATE / len(sound))


def power(sound: np.ndarray) -> float:
    return float(np.mean(np.square(sound, dtype=np.float64)))


def ratio_db(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * float(np.log10(power(one) / power(other)))


def heard(corpus: Corpus, *, seed: int = 42, threads: int = 0, **asked: Any) -> Perturbed:
    config = small_config(training={"seed": seed}, augmentation=asked)
    return Perturbed(config, corpus, training=np.arange(len(corpus)), threads=threads)


def test_speed_changes_length_and_pitch_by_its_factor() -> None:
    faster = dsp.at_speed(TONE, 1.25)
    assert len(faster) == len(TONE) / 1.25
    assert hz(faster[1000:-1000]) == pytest.approx(625, abs=2)
    assert len(dsp.at_speed(TONE, 0.8)) == len(TONE) / 0.8


def test_pitch_shifts_by_semitones_and_keeps_the_length() -> None:
    shifted = dsp.at_pitch(TONE, 4.0)
    assert len(shifted) == len(TONE)
    assert hz(shifted[2000:-2000]) == pytest.approx(500 * 2 ** (4 / 12), abs=2)
    assert ratio_db(shifted[2000:-2000], TONE[2000:-2000]) == pytest.approx(0, abs=0.5)


def test_six_decibels_are_twice_the_pressure() -> None:
    assert np.allclose(dsp.louder(TONE, 20 * np.log10(2)), 2 * TONE, rtol=1e-6)


def test_pink_noise_is_as_strong_in_every_octave_and_white_at_every_frequency() -> None:
    def octaves(kind: str) -> list[float]:
        spectrum = np.abs(np.fft.rfft(dsp.noise(kind, 2**18, np.random.default_rng(0)))) ** 2
        return [10 * float(np.log10(spectrum[2**n : 2 ** (n + 1)].sum())) for n in range(10, 16)]

    assert np.diff(octaves("pink")) == pytest.approx(0, abs=0.3)
    assert np.diff(octaves("white")) == pytest.approx(10 * np.log10(2), abs=0.3)


@pytest.mark.parametrize("kind", ["noise", "babble"])
def test_the_ratio_of_speech_to_what_is_added_is_the_one_drawn(tones: Corpus, kind: str) -> None:
    asked = {f"{kind}_probability": 1.0}
    heard_in_step_3 = heard(tones, **asked).sounds(range(20), step=3)
    drawn = [draw(Augmentation(**asked), seed=42, step=3, utterance=index) for index in range(20)]
    measured = [ratio_db(tones.audio(index), sound - tones.audio(index)) for index, sound in enumerate(heard_in_step_3)]
    assert measured == pytest.approx([getattr(one, f"{kind}_snr_db") for one in drawn], abs=0.1)


def test_what_is_added_to_silence_is_silent() -> None:
    silence = np.zeros(100, np.float32)
    assert not dsp.beside(silence, TONE[:100], snr_db=0).any()
    assert not dsp.beside(TONE[:100], silence, snr_db=0).any()


def test_lengths_are_those_of_the_sound(tones: Corpus) -> None:
    some = heard(tones, **PERTURBED)
    sounds = some.sounds(range(len(tones)), step=1)
    assert (some.seconds(range(len(tones)), step=1) * SAMPLE_RATE).round().tolist() == [len(sound) for sound in sounds]


def test_a_clip_hears_the_same_in_whatever_company_and_thread(tones: Corpus) -> None:
    together = heard(tones, **PERTURBED).sounds(range(12), step=7)
    alone = heard(tones, **PERTURBED).sounds([11], step=7)
    threads = heard(tones, threads=3, **PERTURBED).sounds(range(12), step=7)
    assert np.array_equal(together[11], alone[0])
    assert all(np.array_equal(one, other) for one, other in zip(together, threads, strict=True))


def test_a_clip_hears_something_else_in_another_step_and_by_another_seed(tones: Corpus) -> None:
    noisy = {"noise_probability": 1.0}
    (here,) = heard(tones, **noisy).sounds([5], step=1)
    assert not np.array_equal(here, heard(tones, **noisy).sounds([5], step=2)[0])
    assert not np.array_equal(here, heard(tones, seed=43, **noisy).sounds([5], step=1)[0])


def test_turning_one_change_on_moves_no_other() -> None:
    def drawn(**asked: float) -> Changes:
        return draw(Augmentation(**asked), seed=1, step=2, utterance=3)

    every = drawn(speed_probability=1, pitch_probability=1, gain_probability=1, noise_probability=1)
    assert (every.speed, every.pitch, every.noise_snr_db) == (
        drawn(speed_probability=1).speed,
        drawn(pitch_probability=1).pitch,
        drawn(noise_probability=1).noise_snr_db,
    )


def test_every_strength_and_every_share_can_be_drawn() -> None:
    asked = Augmentation(**{name: 0.5 for name in Augmentation.model_fields if name.endswith("_probability")})
    drawn = [draw(asked, seed=0, step=step, utterance=index) for step in range(50) for index in range(50)]
    for name, low, high in (
        ("speed", 0.9, 1.1),
        ("pitch", -2, 2),
        ("gain_db", -6, 6),
        ("noise_snr_db", 5, 20),
        ("babble_snr_db", 10, 25),
    ):
        values = [value for one in drawn if (value := getattr(one, name)) is not None]
        assert len(values) == pytest.approx(1250, abs=100)
        assert [min(values), max(values)] == pytest.approx([low, high], abs=0.01 * (high - low))
        assert low <= min(values) <= max(values) <= high


def test_every_other_clip_may_babble_and_none_over_itself() -> None:
    random = np.random.default_rng(0)
    drawn = [voice for _ in range(300) for voice in others(random, place=4, number=9, count=3)]
    assert set(drawn) == {0, 1, 2, 3, 5, 6, 7, 8}
    assert others(random, place=0, number=1, count=3) == []


def test_a_window_fits_the_longest_clip_as_it_is_heard(tones: Corpus) -> None:
    slow = small_config(
        12,
        audio={"window": "fitted", "margin_s": 0.0, "jitter_s": 0.0, "step_s": 0.02},
        augmentation={"speed_probability": 1.0, "speed_low": 0.8, "speed_high": 0.8},
    )
    made = feed(small_whisper(), slow, tones)
    longest = tones.durations_s.max() / 0.8
    assert max(made(step).window_s for step in range(7)) == pytest.approx(longest, abs=0.03)
    assert made.largest().mel.shape[-1] == pytest.approx(100 * longest, abs=4)


def test_the_largest_batch_is_as_long_as_any_that_comes(tones: Corpus) -> None:
    made = feed(small_whisper(), small_config(12, augmentation=PERTURBED), tones)
    most = made.largest().mel.shape[-1]
    assert max(frames(made(step).window_s) for step in range(8)) <= most
    plain = feed(small_whisper(), small_config(12), tones).largest().mel.shape[-1]
    assert most > plain


def test_no_clip_is_slowed_down_beyond_the_longest_window(tones: Corpus) -> None:
    config = small_config(
        audio={"max_window_s": 2.0},
        augmentation={"speed_probability": 1.0, "speed_low": 0.5, "speed_high": 0.5},
    )
    fitting = np.flatnonzero(tones.durations_s <= 2.0)
    some = Perturbed(config, tones, training=fitting)
    seconds = some.seconds(fitting, step=0)
    assert seconds.max() == 2.0
    short = tones.durations_s[fitting] <= 1.0
    assert seconds[short] == pytest.approx(tones.durations_s[fitting][short] * 2, abs=1e-4)


def test_predicted_memory_counts_slow_clips_in_training_and_not_in_scoring() -> None:
    def windows(**asked: float) -> tuple[float, float]:
        config = small_config(augmentation=asked)
        longest = Longest(8.0, 20)
        return step_shape(config, longest).window_s, decoding_shape(config, longest).window_s

    (plain, scored), (slow, still) = windows(), windows(speed_probability=0.1, speed_low=0.8)
    assert (slow - plain, still) == (2.0, scored)
    assert windows(speed_probability=0.1, speed_low=1.1, speed_high=1.2) == (plain, scored)


def written(folder: Path, *sounds: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "LICENSE").write_text("of the recordings")
    [soundfile.write(folder / f"{number}.wav", sound, SAMPLE_RATE) for number, sound in enumerate(sounds)]
    return folder


def test_noise_comes_from_every_recording_of_a_folder(tones: Corpus, tmp_path: Path) -> None:
    low, high = (0.3 * np.sin(2 * np.pi * hz * SECOND[:4000]) for hz in (3000, 6000))
    folder = written(tmp_path / "noise", low, high, np.zeros(4000))
    asked = {"noise_probability": 1.0, "noise_folder": str(folder), "noise_low_snr_db": 0.0, "noise_high_snr_db": 0.0}
    some = heard(tones, **asked)
    added = [some.sounds([9], step=step)[0] - tones.audio(9) for step in range(12)]
    assert {round(hz(sound), -2) for sound in added} == {3000, 6000}


def test_a_noise_folder_that_serves_nothing_is_one_clear_line(tmp_path: Path) -> None:
    for folder, fact in (
        (tmp_path / "nowhere", "there is no such folder"),
        (written(tmp_path / "empty"), "holds no sound"),
        (written(tmp_path / "silent", np.zeros(1600)), "all its recordings are silent"),
    ):
        with pytest.raises(InputError, match=f"^augmentation.noise_folder: {folder}: {fact}"):
            read_noises(str(folder))
    (written(tmp_path / "broken") / "a.flac").write_bytes(b"fLaC and no more")
    with pytest.raises(InputError, match=r"broken/a\.flac: .*; take it out"):
        read_noises(str(tmp_path / "broken"))


def test_more_noise_than_memory_is_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raytrain.speech.noises.MOST_HOURS", 1.5 / 3600)
    with pytest.raises(InputError, match=r"has more than .* hours of sound"):
        read_noises(str(written(tmp_path / "noise", TONE, TONE)))
