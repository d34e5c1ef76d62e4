"""600 clips: the card's code, the submission and CTranslate2 hear word for word what raytrain hears; and how fast.

The figures are in results/bench/soak-equal.json. 35 minutes of a core.
"""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from raytrain.benchmarks.work import window_settings
from raytrain.config.baseline import WINDOWS, Baseline, Evaluation, Prediction, Window
from raytrain.config.reader import load_baseline
from raytrain.files import write_json, write_text
from raytrain.release.alone import beside_model
from raytrain.release.ct2 import convert
from raytrain.release.elsewhere import heard_by_folder, heard_by_submission
from raytrain.release.model_folder import copy_model, set_prediction
from raytrain.release.proof import heard_by_faster_whisper, sample
from raytrain.release.submission import unpacked, write_submission
from raytrain.release.transcriber import WindowedWhisper, transcribe
from raytrain.results.provenance import provenance
from raytrain.speech.audio import SAMPLE_RATE
from raytrain.speech.corpus import Corpus, prepare
from raytrain.training import precision as precisions
from raytrain.training.evaluation import decode, joined
from raytrain.whisper import weights

MANIFEST = Path(__file__).parents[3] / "shared" / "corpus" / "child_like" / "manifest.jsonl"
FIGURES = Path(__file__).parents[2] / "results" / "bench" / "soak-equal.json"
FP32 = precisions.resolve("fp32", device=torch.device("cpu"))
CLIPS, TIMED, ROUNDS = 600, 32, 3
MOST_RATIO: dict[Window, float] = {"fitted": 1.5, "condensed": 2.6, "full": 1.5}
"""CPU-seconds of the card's code against those of raytrain's own evaluation. It decodes clips of one window at a time,
and of 32 clips nearly each has its own at condensed windows, which are multiples of 0.1 s."""

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not MANIFEST.is_file(), reason="needs the corpus of 600 clips"),
]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return prepare(MANIFEST, max_bad_share=0.0)


def config_of(tiny_en: Path, window: Window) -> Baseline:
    keys = [f"model.pretrained={tiny_en}", *window_settings(window), "prediction.num_beams=1"]
    return load_baseline("tiny", keys)


def exported(config: Baseline, folder: Path) -> Path:
    """The published weights as a run for this window would leave them, with the code that leaves beside a model. At a
    fitted one they babble, which is the harder test."""
    whisper = weights.load(config.model, seed=0)
    weights.save(whisper, folder / "checkpoint", window=config.audio, extra={})
    copy_model(folder / "checkpoint", folder / "model")
    set_prediction(folder / "model", Prediction(num_beams=1))
    for name, text in beside_model().items():
        write_text(folder / "model" / name, text)
    return folder / "model"


def evaluated(model: Path, config: Baseline, corpus: Corpus, indices: Sequence[int]) -> Callable[[], list[str]]:
    """raytrain's own decoding, with the model loaded."""
    whisper = weights.load(config.model.model_copy(update={"pretrained": str(model)}), seed=0)

    def hear() -> list[str]:
        heard = decode(
            whisper, corpus, indices, audio=config.audio, evaluation=Evaluation(num_beams=1, batch_size=8),
            window=whisper.trained_window, precision=FP32,
        )  # fmt: skip
        return [joined(parts) for parts in heard]

    return hear


@pytest.mark.parametrize("window", WINDOWS)
def test_600_clips_come_out_the_same_word_for_word(
    window: Window, tiny_en: Path, corpus: Corpus, tmp_path: Path
) -> None:
    config = config_of(tiny_en, window)
    model = exported(config, tmp_path)
    indices = range(CLIPS)
    sounds = [corpus.audio(index) for index in indices]
    started = time.monotonic()
    ours = evaluated(model, config, corpus, indices)()
    words = sum(len(text.split()) for text in ours)
    note(window, "raytrain", {"clips": len(ours), "words": words, "wall_s": round(time.monotonic() - started, 1)})
    hearers: dict[str, Callable[[], list[str]]]
    if window == "full":  # faster-whisper knows no other; the card's code has it in the 32 clips below
        convert(model, tmp_path / "converted", quantization="float32")
        hearers = {
            "ct2 float32": partial(heard_by_faster_whisper, tmp_path / "converted", config, corpus, indices, say=print)
        }
    else:
        write_submission(model, tmp_path / "submission.zip")
        source = unpacked(tmp_path / "submission.zip", tmp_path / "src")
        hearers = {
            "the card's code": partial(heard_by_folder, model, sounds),
            "submission": partial(heard_by_submission, source, sounds),
        }
    differ = {name: compared(window, name, hear, ours, corpus) for name, hear in hearers.items()}
    assert differ == dict.fromkeys(hearers, 0)


def compared(window: Window, name: str, hear: Callable[[], list[str]], ours: list[str], corpus: Corpus) -> int:
    """How many transcripts differ."""
    started = time.monotonic()
    theirs = hear()
    others = [index for index, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other]
    first = {corpus.utterance_ids[index]: [ours[index], theirs[index]] for index in others[:3]}
    wall_s = round(time.monotonic() - started, 1)
    note(window, name, {"clips": len(ours), "differ": len(others), "first": first, "wall_s": wall_s})
    return len(others)


@pytest.mark.parametrize("window", WINDOWS)
def test_the_cards_code_takes_hardly_longer_where_many_clips_share_a_window(
    window: Window, tiny_en: Path, corpus: Corpus, tmp_path: Path
) -> None:
    torch.set_num_threads(1)  # so that no thread spins while another works
    config = config_of(tiny_en, window)
    model = exported(config, tmp_path)
    indices = sample(corpus, range(CLIPS), TIMED)
    paths = [tmp_path / f"{index}.flac" for index in indices]
    for path, index in zip(paths, indices, strict=True):
        soundfile.write(path, np.round(corpus.audio(index) * 2**15).astype(np.int16), SAMPLE_RATE)
    by_card = WindowedWhisper(model)
    hearers: tuple[Callable[[], list[str]], Callable[[], list[str]]] = (
        lambda: transcribe(paths, by_card),
        evaluated(model, config, corpus, indices),
    )
    assert hearers[0]() == hearers[1]()  # and both are warm
    rounds = [tuple(cpu_s(hear) for hear in hearers) for _ in range(ROUNDS)]
    ratio = statistics.median(theirs / own for theirs, own in rounds)
    seconds = {
        "the card's code": [round(one, 2) for one, _ in rounds],
        "raytrain": [round(own, 2) for _, own in rounds],
    }
    note(window, f"CPU-seconds for {TIMED} clips", seconds | {"median ratio": round(ratio, 3)})
    assert ratio <= MOST_RATIO[window]


def cpu_s(hear: Callable[[], list[str]]) -> float:
    started = time.process_time()
    hear()
    return time.process_time() - started


def note(window: Window, name: str, figures: dict[str, Any]) -> None:
    noted = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    noted.setdefault(f"{window} window", {})[name] = figures
    hardware = provenance([], {})
    noted["made"] = {"hardware": hardware["hardware"], "versions": hardware["versions"]}
    write_json(FIGURES, noted)
