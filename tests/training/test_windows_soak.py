"""On real weights, does a window fitted to the clips cost accuracy against Whisper's full 30 s? An hour on 2 cores.

RAYTRAIN_CORPUS names a manifest; the default is the packaged corpus, which is smaller. Every finished run is written to
results/bench/soak-windows.json and not repeated, so that it can be interrupted: delete the file to start again.
"""

import dataclasses
import json
import os
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest
from small_runs import small_config

from raytrain.files import write_json
from raytrain.speech.corpus import prepare
from raytrain.speech.manifest import manifest_path
from raytrain.speech.split import split_by_child
from raytrain.training.session import Session

FINISHED = Path(__file__).parents[2] / "results" / "bench" / "soak-windows.json"
SEEDS = (0, 1, 2)
TRAINED, SCORED = 200, 80
"""Utterances at most, of children that are in one half only."""


@pytest.mark.soak
def test_on_real_weights_fitted_windows_are_at_most_0_02_worse_than_full(tiny_en: Path, tmp_path: Path) -> None:
    wers = {window: [wer_of(window, seed, tiny_en, tmp_path) for seed in SEEDS] for window in ("fitted", "full")}
    note({f"{window}: mean, deviation": [mean(each), stdev(each)] for window, each in wers.items()})
    assert mean(wers["fitted"]) <= mean(wers["full"]) + 0.02


def wer_of(window: str, seed: int, tiny_en: Path, folder: Path) -> float:
    """After three epochs: batch 8, learning rate 2e-5, no warm-up. From the file if it has been run."""
    manifest = os.environ.get("RAYTRAIN_CORPUS", "demo")
    run = f"{manifest} {window} seed {seed}"
    if run not in noted():
        note({run: train(manifest, window, seed, tiny_en, folder / run.replace("/", "_"))})
    return noted()[run]["eval_wer"]


def train(manifest: str, window: str, seed: int, tiny_en: Path, folder: Path, *, num_epochs: int = 3) -> dict[str, Any]:
    corpus = prepare(manifest_path(manifest), cache=folder / "cache")
    split = split_by_child(corpus, ratio=SCORED / (TRAINED + SCORED), seed=0)
    draw = np.random.default_rng(0)  # the same utterances for every seed: seeds differ in order, windows and rounding
    train_on, scored = (
        np.sort(draw.permutation(half)[:most]) for half, most in ((split.train, TRAINED), (split.validation, SCORED))
    )
    config = small_config(
        8,
        model={"pretrained": str(tiny_en)},
        audio={"window": window},
        training={"learning_rate": 2e-5, "num_epochs": num_epochs, "seed": seed, "precision": "auto"},
        evaluation={"every_steps": -(-len(train_on) // 8)},
    )
    rows: list[dict[str, Any]] = []
    Session(
        config,
        corpus=corpus,
        split=dataclasses.replace(split, train=train_on, validation=scored),
        report=lambda row, checkpoint: rows.append(row.as_dict()),
        workdir=folder,
        score_first=window == "full",  # at full: the weights as published, once a seed
    ).run()
    return {"trained": len(train_on), "scored": len(scored), **rows[-1]}


def noted() -> dict[str, Any]:
    return json.loads(FINISHED.read_text()) if FINISHED.is_file() else {}


def note(entry: dict[str, Any]) -> None:
    FINISHED.parent.mkdir(parents=True, exist_ok=True)
    write_json(FINISHED, noted() | entry)
