"""What changing sound costs: a corpus in; of each change the CPU time a clip and the clips a second out."""

import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from raytrain.config.augmentation import Augmentation
from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline
from raytrain.speech.corpus import Corpus
from raytrain.speech.log_mel import log_mel
from raytrain.training.perturb import Perturbed
from raytrain.whisper.window import frames

CLIPS = 36
"""Clips of one effective batch."""
CHANGES = ("speed", "pitch", "gain", "noise", "babble")


def measure_augmentation(corpus: Corpus, *, rounds: int) -> dict[str, Any]:
    """Each change alone at every clip, all at once, and beside them reading a clip and making its log-mel."""
    clips = np.arange(min(CLIPS, len(corpus)))
    mean_s = float(corpus.durations_s[clips].mean())
    window = frames(float(corpus.durations_s[clips].max()))
    sounds = [corpus.audio(int(index)) for index in clips]
    cores = len(os.sched_getaffinity(0))
    return {
        "clips": len(clips),
        "mean_clip_s": round(mean_s, 3),
        "cores": cores,
        "load_average": round(os.getloadavg()[0], 1),  # CPU time stands it, clips a second do not
        "read": _timed(lambda step: [corpus.audio(int(index)) for index in clips], len(clips), rounds),
        "log_mel": _timed(lambda step: log_mel(sounds, frames=window), len(clips), rounds),
        "changes": {
            name: _timed(_hearing(asked, corpus, clips), len(clips), rounds)
            for name, asked in {**{one: _always(one) for one in CHANGES}, "all": _always(*CHANGES)}.items()
        },
        "all_by_threads": {
            str(threads): _timed(_hearing(_always(*CHANGES), corpus, clips, threads=threads), len(clips), rounds)
            for threads in sorted({1, 2, cores})
        },
    }


def _always(*changes: str) -> Augmentation:
    return Augmentation.model_validate({f"{change}_probability": 1.0 for change in changes})


def _hearing(
    asked: Augmentation, corpus: Corpus, clips: np.ndarray, *, threads: int = 0
) -> Callable[[int], list[np.ndarray]]:
    config: Baseline = load_baseline("tiny").model_copy(update={"augmentation": asked})
    perturbed = Perturbed(config, corpus, training=np.arange(len(corpus)), threads=threads)
    return lambda step: perturbed.sounds(clips, step=step)


def _timed(work: Callable[[int], object], clips: int, rounds: int) -> dict[str, float]:
    """The median of so many rounds, each another step, after a first that warms up."""
    work(0)
    cpu_s, wall_s = [], []
    for step in range(1, rounds + 1):
        cpu, wall = time.process_time(), time.perf_counter()
        work(step)
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    return {
        "cpu_ms_per_clip": round(1000 * median(cpu_s) / clips, 3),
        "clips_per_s": round(clips / median(wall_s), 1),
    }
