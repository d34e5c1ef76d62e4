"""How long the challenge's test set will take: a model folder and clips in; a measured rate, and hours, out."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from raytrain.release.transcriber import WindowedWhisper, transcribe
from raytrain.results.provenance import provenance
from raytrain.speech.audio import SAMPLE_RATE
from raytrain.speech.corpus import Corpus

TEST_UTTERANCES = 205_274
"""Clips in the challenge's test set."""
TEST_MEAN_S = 7.0
"""The mean length of a clip in the challenge's word track."""
_SAMPLE = {"cuda": 1024, "cpu": 16}
_WARM_UP = 4


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """How fast the submission's own code transcribed a sample of clips."""

    device: str
    clips: int
    mean_s: float
    """The mean length of those clips in seconds."""
    seconds: float
    """Wall-clock seconds for the sample."""

    @property
    def hours(self) -> float:
        """Hours for the whole test set, if its clips are like these."""
        return self.seconds / self.clips * TEST_UTTERANCES / 3600

    @property
    def hours_at_test_length(self) -> float:
        """Hours for the whole test set, if the time grows with the length of the clips."""
        return self.hours * TEST_MEAN_S / self.mean_s

    @property
    def sentence(self) -> str:
        """The forecast in words."""
        return (
            f"{TEST_UTTERANCES:,} utterances would take {self.hours:.1f} h on {self.device}, if they are like the "
            f"{self.clips} validation clips timed ({self.mean_s:.1f} s on average, {self.clips / self.seconds:.2f} a "
            f"second); about {self.hours_at_test_length:.1f} h at {TEST_MEAN_S:g} s a clip"
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"hours": self.hours, "hours_at_test_length": self.hours_at_test_length}


def forecast(model_folder: Path, corpus: Corpus, indices: Sequence[int]) -> Forecast:
    """Time a sample of these utterances, from files on; loading the model takes seconds, and is left out."""
    model = WindowedWhisper(model_folder)
    size = _SAMPLE[model.device.type]
    # A small validation set is drawn from more than once: full batches are what the test set will have.
    drawn = np.random.default_rng(0).choice(np.asarray(indices), size=size, replace=size > len(indices))
    with tempfile.TemporaryDirectory(prefix="raytrain-") as folder:
        paths = [Path(folder, f"{number}.flac") for number in range(size)]
        for path, index in zip(paths, drawn, strict=True):
            soundfile.write(path, corpus.audio(int(index)), SAMPLE_RATE)
        transcribe(paths[:_WARM_UP], model)
        started = time.perf_counter()
        transcribe(paths, model)
        seconds = time.perf_counter() - started

    mean_s = float(corpus.durations_s[drawn].mean())
    return Forecast(device=_device(model.device), clips=size, mean_s=mean_s, seconds=seconds)


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    hardware = provenance([], {})["hardware"]
    return f"{hardware['cores']} cores of {hardware['cpu']}, no GPU"
