"""Clips as training hears them in a step: a corpus and its augmentation in; lengths, known without the sound, and the
changed sound, out."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from raytrain.config.baseline import Baseline
from raytrain.config.random_streams import RandomStream
from raytrain.speech.audio import SAMPLE_RATE, to_float
from raytrain.speech.corpus import Corpus
from raytrain.speech.noises import Noises, read_noises
from raytrain.training import dsp
from raytrain.training.draws import Changes, draw, generator, others

_MOST_THREADS = 8
"""As many as prepare an effective batch in less time than a step takes, several trials on a card taken in."""


def spare_threads() -> int:
    """Threads that may change sound while a GPU trains: one for each core that this process may use, but the last."""
    return max(1, min(_MOST_THREADS, len(os.sched_getaffinity(0)) - 1))


class Perturbed:
    """A corpus as each step hears it. A function of (seed, step, utterance): the split over micro-batches, workers and
    threads changes nothing."""

    def __init__(self, config: Baseline, corpus: Corpus, *, training: np.ndarray, threads: int = 0) -> None:
        """`training` are the utterances that train, whose clips babble over each other; with `threads` clips are
        prepared side by side."""
        self._asked, self._max_window_s = config.augmentation, config.audio.max_window_s
        self._seed, self._corpus = config.training.seed, corpus
        self._training = np.sort(training)
        folder = self._asked.noise_folder
        self._noises: Noises | None = None
        if folder is not None and self._asked.noise_probability:
            self._noises = read_noises(folder)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="augment") if threads else None

    def seconds(self, indices: Sequence[int] | np.ndarray, *, step: int) -> np.ndarray:
        """How long each of these clips is in this step."""
        return np.array([self._length(int(index), self._changes(int(index), step)) for index in indices]) / SAMPLE_RATE

    def sounds(self, indices: Sequence[int] | np.ndarray, *, step: int) -> list[np.ndarray]:
        """The sound of each of these clips in this step: float32 at 16 kHz."""
        each: Iterator[np.ndarray] = (map if self._threads is None else self._threads.map)(
            lambda index: self._sound(int(index), step), indices
        )
        return list(each)

    def _changes(self, index: int, step: int) -> Changes:
        """With a speed at which the clip still fits the longest window."""
        changes = draw(self._asked, seed=self._seed, step=step, utterance=index)
        if changes.speed is None:
            return changes
        slowest = min(1.0, float(self._corpus.durations_s[index]) / self._max_window_s)
        return replace(changes, speed=max(changes.speed, slowest))

    def _samples(self, index: int) -> int:
        return round(float(self._corpus.durations_s[index]) * SAMPLE_RATE)

    def _length(self, index: int, changes: Changes) -> int:
        samples = self._samples(index)
        if changes.speed is None:
            return samples
        # Rounded up it could be half a sample over the window.
        most = max(samples, int(self._max_window_s * SAMPLE_RATE))
        return min(dsp.length_at(samples, changes.speed), most)

    def _sound(self, index: int, step: int) -> np.ndarray:
        changes = self._changes(index, step)
        clip = self._corpus.audio(index)
        if changes.speed is not None:
            clip = dsp.at_speed(clip, changes.speed)[: self._length(index, changes)]
        if changes.pitch is not None:
            clip = dsp.at_pitch(clip, changes.pitch)
        heard = clip
        if changes.noise_snr_db is not None:
            heard = heard + dsp.beside(clip, self._noise(index, step, len(clip)), snr_db=changes.noise_snr_db)
        if changes.babble_snr_db is not None and (babble := self._babble(index, step, len(clip))) is not None:
            heard = heard + dsp.beside(clip, babble, snr_db=changes.babble_snr_db)
        return heard if changes.gain_db is None else dsp.louder(heard, changes.gain_db)

    def _noise(self, index: int, step: int, length: int) -> np.ndarray:
        random = generator(RandomStream.NOISE, seed=self._seed, step=step, utterance=index)
        if self._noises is None:
            return dsp.noise(self._asked.noise_kind, length, random)
        recordings = self._noises.recordings
        return to_float(dsp.part_of(recordings[int(random.integers(0, len(recordings)))], length, random))

    def _babble(self, index: int, step: int, length: int) -> np.ndarray | None:
        """Other clips of the training data at once; None where there are none."""
        random = generator(RandomStream.BABBLE, seed=self._seed, step=step, utterance=index)
        place = int(np.searchsorted(self._training, index))
        voices = others(random, place=place, number=len(self._training), count=self._asked.babble_voices)
        if not voices:
            return None
        return dsp.together(
            [dsp.part_of(self._corpus.audio(int(self._training[voice])), length, random) for voice in voices]
        )
