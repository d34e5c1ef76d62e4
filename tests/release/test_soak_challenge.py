"""The submission under the challenge's transformers, in an environment of its own: short clips, soon, and the same.

The challenge's runtime has Python 3.11, transformers 4.57 and torch 2.9 or newer. The package index has no CPU build of
torch 2.9, so torch is the one that raytrain is tested with. Five minutes, most of them for pip.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from exported_runs import inputs_for

from raytrain.config.baseline import Evaluation
from raytrain.release.elsewhere import heard_by_submission
from raytrain.release.export import export
from raytrain.release.runs import KeptRun, find_run
from raytrain.release.submission import SUBMISSION, unpacked
from raytrain.speech.audio import SAMPLE_RATE
from raytrain.training import precision as precisions
from raytrain.training.evaluation import decode, joined
from raytrain.whisper import weights

INSTALLED = (["torch==2.13.0"], ["transformers==4.57.6", "soundfile", "numpy"])
SECONDS = (0.5, 0.9, 1.3)
MOST_CPU_S = 30
BEAMS = 5


class Clips:
    """The beginnings of recordings: words broken off, which is what short clips of children are."""

    def __init__(self, run: KeptRun) -> None:
        corpus = inputs_for(run.config).corpus
        starts = [corpus.audio(index)[SAMPLE_RATE // 4 :] for index in range(len(SECONDS))]
        self.sounds = [one[: round(seconds * SAMPLE_RATE)] for one, seconds in zip(starts, SECONDS, strict=True)]
        self.durations_s = np.array([len(sound) / SAMPLE_RATE for sound in self.sounds])

    def audio(self, index: int) -> np.ndarray:
        return self.sounds[index]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment with what the submission needs, and no more."""
    folder = tmp_path_factory.mktemp("challenge")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    interpreter = str(folder / "bin" / "python")
    for packages in INSTALLED:
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *packages], check=True)
    return interpreter


@pytest.mark.soak
def test_short_clips_are_heard_soon_without_babble_and_as_raytrain_hears_them(
    fit: Path, python: str, tmp_path: Path
) -> None:
    run = find_run(fit)
    prediction = run.config.prediction.model_copy(update={"num_beams": BEAMS, "max_new_tokens": 448})
    run = KeptRun(**(vars(run) | {"config": run.config.model_copy(update={"prediction": prediction})}))
    export(run, to=tmp_path / "out", form="submission", say=print, num_proved=0)
    source = unpacked(tmp_path / "out" / SUBMISSION, tmp_path / "src")
    clips = Clips(run)
    before = cpu_s_of_children()
    texts = heard_by_submission(source, clips.sounds, python=python)
    taken_s = cpu_s_of_children() - before
    print(texts, f"{taken_s:.1f} CPU-seconds", os.getloadavg())
    assert taken_s <= MOST_CPU_S
    assert [len(text.split()) <= 4 * seconds + 3 for text, seconds in zip(texts, SECONDS, strict=True)] == [True] * 3
    assert texts == heard_by_raytrain(run, clips)


def heard_by_raytrain(run: KeptRun, clips: Clips) -> list[str]:
    whisper = weights.load(run.config.model.model_copy(update={"pretrained": str(run.best.folder)}), seed=0)
    heard = decode(
        whisper, clips, range(len(SECONDS)), audio=run.config.audio,
        evaluation=Evaluation(num_beams=BEAMS, batch_size=4), window=whisper.trained_window,
        precision=precisions.resolve("fp32", device=torch.device("cpu")),
    )  # fmt: skip
    return [joined(parts) for parts in heard]


def cpu_s_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
