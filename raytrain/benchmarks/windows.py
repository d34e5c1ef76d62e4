"""What an audio window costs: weights and a manifest in; of each kind the WER after training, and CPU seconds, out.

    python -m raytrain.benchmarks.windows '{"model": ..., ...}'

trains once, in a process of its own. Seeds differ in the order of clips, in windows and in rounding: the clips are the
same, and those scored are of other children.
"""

import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import torch

from raytrain.benchmarks.beside import told_by
from raytrain.benchmarks.work import window_settings
from raytrain.cli import run_door
from raytrain.config.baseline import WINDOWS, Baseline, Window
from raytrain.config.reader import load_baseline
from raytrain.speech.corpus import prepare
from raytrain.speech.split import split_by_child
from raytrain.training import precision as precisions
from raytrain.training.evaluation import evaluate
from raytrain.training.rows import Row
from raytrain.training.session import Session
from raytrain.trial.nursery import KEPT_MEMORY
from raytrain.whisper import weights

EXPECTED = {"wer_above_full": 0.003, "times_as_fast_as_full": 4.0}
"""Of condensed windows, at most and at least, written down before they were measured."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training: three epochs of an effective batch of eight clips, at a rate of 2e-5."""

    model: str
    """A folder of weights."""
    variant: str
    manifest: str
    window: Window
    seed: int
    trained: int = 200
    scored: int = 80
    """Clips at most."""
    num_epochs: int = 3

    def config(self) -> Baseline:
        """What is trained, as a baseline."""
        return load_baseline(
            "tiny",
            [
                f"model.pretrained={self.model}",
                f"model.variant={self.variant}",
                "model.gradient_checkpointing=false",
                *window_settings(self.window),
                "training.batch_size=8",
                "training.gradient_accumulation_steps=1",
                "training.learning_rate=2e-5",
                "training.warmup_steps=0",
                "training.precision=auto",
                f"training.num_epochs={self.num_epochs}",
                f"training.seed={self.seed}",
                f"evaluation.every_steps={-(-self.trained // 8)}",
            ],
        )


def measure_windows(
    trainings: Iterable[Training],
    runs: Mapping[str, dict[str, Any]],
    *,
    keep: Callable[[dict[str, Any]], None],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train what is not among these runs yet; `keep` is called after each with all that there is."""
    found = {"runs": dict(runs)}
    for training in trainings:
        name = f"{training.window} {training.seed}"
        if name in found["runs"]:
            continue
        told = told_by(
            "raytrain.benchmarks.windows", json.dumps(asdict(training)), threads=1, timeout_s=None, **KEPT_MEMORY
        )
        found = summary({**found["runs"], name: told})
        say(f"{name}: WER {told['wer']:.4f} in {told['cpu_s']:.0f} CPU seconds")
        keep(found)
    return summary(found["runs"])


def summary(runs: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The runs, named by window and seed, and of each window the mean WER and the median of CPU seconds."""
    windows: dict[str, dict[str, Any]] = {}
    for window in WINDOWS:
        seeds = [run for name, run in runs.items() if name.split()[0] == window]
        if seeds:
            elsewhere = [run["wer_at_full"] for run in seeds if run.get("wer_at_full") is not None]
            windows[window] = {
                "seeds": len(seeds),
                "wer": round(mean(run["wer"] for run in seeds), 4),
                "wer_deviation": round(stdev(run["wer"] for run in seeds), 4) if len(seeds) > 1 else None,
                "wer_at_full": round(mean(elsewhere), 4) if elsewhere else None,
                "cpu_s": round(median(run["cpu_s"] for run in seeds), 1),
            }
    if full := windows.get("full"):
        for told in windows.values():
            told["wer_above_full"] = round(told["wer"] - full["wer"], 4)
            told["times_as_fast_as_full"] = round(full["cpu_s"] / told["cpu_s"], 2)
    return {"windows": windows, "expected": EXPECTED, "runs": dict(runs)}


def train(training: Training) -> dict[str, Any]:
    """The WER after each epoch, the last at 30 s, too, and the CPU seconds of all but that."""
    config = training.config()
    rows: list[tuple[Row, Path | None]] = []
    with tempfile.TemporaryDirectory(prefix="raytrain-windows-") as folder:
        corpus = prepare(Path(training.manifest))
        split = split_by_child(corpus, ratio=training.scored / (training.trained + training.scored), seed=0)
        draw = np.random.default_rng(0)
        halves = ((split.train, training.trained), (split.validation, training.scored))
        train_on, scored = (np.sort(draw.permutation(half)[:most]) for half, most in halves)
        started_s = time.process_time()
        Session(
            config,
            corpus=corpus,
            split=dataclasses.replace(split, train=train_on, validation=scored),
            report=lambda row, checkpoint: rows.append((row, checkpoint)),
            workdir=Path(folder),
            score_first=False,
        ).run()
        cpu_s = time.process_time() - started_s
        wers = [row.eval_wer for row, _ in rows if row.eval_wer is not None]
        checkpoint = rows[-1][1]
        at_full = None
        if training.window != "full" and checkpoint is not None:
            at_full = evaluate(
                weights.load(config.model.model_copy(update={"pretrained": str(checkpoint)}), seed=0),
                corpus,
                scored,
                audio=config.audio,
                evaluation=config.evaluation,
                window="full",
                precision=precisions.resolve(config.training.precision, device=torch.device("cpu")),
            ).word_errors.wer
    return {"wer": wers[-1], "best": min(wers), "wer_at_full": at_full, "cpu_s": round(cpu_s, 2), "wers": wers}


def _told() -> None:
    torch.set_num_threads(1)
    print(json.dumps(train(Training(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    run_door(_told)
