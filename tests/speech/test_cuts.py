"""Where a recording is cut: windows that follow on each other, none too long and none a sliver, in the quiet."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from raytrain.speech.audio import SAMPLE_RATE
from raytrain.speech.cuts import spans


def noise(seconds: float, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * SAMPLE_RATE)).astype(np.int16)


@settings(max_examples=60)
@given(st.floats(0, 100), st.sampled_from([30.0, 20.0, 7.3, 1.0]), st.integers(0, 9))
def test_windows_hold_every_sample_once_and_none_is_too_long(seconds: float, longest_s: float, seed: int) -> None:
    samples = noise(seconds, seed=seed)
    found = spans(samples, longest_s=longest_s)
    assert (found[0][0], found[-1][1]) == (0, len(samples))
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
    assert all(end - start <= longest_s * SAMPLE_RATE for start, end in found)
    assert len(found) == 1 or min(end - start for start, end in found) >= 0.15 * longest_s * SAMPLE_RATE


def test_a_recording_that_fits_one_window_is_not_cut() -> None:
    assert spans(noise(30), longest_s=30) == [(0, 30 * SAMPLE_RATE)]


def test_a_cut_lies_in_the_middle_of_the_quietest_fifth_of_a_second() -> None:
    samples = noise(50)
    samples[round(24.9 * SAMPLE_RATE) : round(25.1 * SAMPLE_RATE)] = 0
    ((_, cut), _) = spans(samples, longest_s=30)
    assert abs(cut / SAMPLE_RATE - 25) < 0.03
    assert spans(samples.astype(np.float32) / 32768, longest_s=30)[0][1] == cut


def test_silence_is_cut_as_well_as_anything() -> None:
    assert len(spans(np.zeros(65 * SAMPLE_RATE, np.int16), longest_s=30)) == 3
