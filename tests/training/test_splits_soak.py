"""On real weights, with dropout, do two splits of an effective batch differ in WER by more than two seeds do?

Every finished run is written to results/bench/soak-splits.json and not repeated, so that it can be interrupted: delete
the file to start again. Half an hour on 2 cores.
"""

import dataclasses
import itertools
import json
import math
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from small_runs import small_config

from raytrain.files import write_json
from raytrain.speech.corpus import Corpus
from raytrain.speech.split import split_by_child
from raytrain.training.session import Session

FINISHED = Path(__file__).parents[2] / "results" / "bench" / "soak-splits.json"
SPLITS = ((8, 1), (4, 2), (2, 4))
SEEDS = (0, 1, 2)
TRAINED, SCORED = 64, 40
"""Utterances, of children that are in one half only."""
DROPOUT = 0.02
"""At 0.1 tiny.en babbles after so short a training, and its WER says nothing."""
TOLERANCE = 1.5
"""Of a root mean square over nine pairs against one over nine."""


@pytest.mark.soak
def test_two_splits_differ_in_wer_no_more_than_two_seeds_do(demo: Corpus, tiny_en: Path, tmp_path: Path) -> None:
    wers = {(split, seed): wer_of(split, seed, demo, tiny_en, tmp_path) for seed in SEEDS for split in SPLITS}
    splits = root_mean_square(
        wers[one, seed] - wers[other, seed] for one, other in itertools.combinations(SPLITS, 2) for seed in SEEDS
    )
    seeds = root_mean_square(
        wers[split, one] - wers[split, other] for one, other in itertools.combinations(SEEDS, 2) for split in SPLITS
    )
    note({"two splits, one seed: root mean square difference": splits, "two seeds, one split": seeds})
    assert splits <= TOLERANCE * seeds


def root_mean_square(differences: Any) -> float:
    return math.sqrt(mean(difference**2 for difference in differences))


def wer_of(split: tuple[int, int], seed: int, corpus: Corpus, tiny_en: Path, folder: Path) -> float:
    """After one epoch at 2e-5 with dropout. From the file if it has been run."""
    run = f"{split[0]} x {split[1]} seed {seed}"
    if run not in noted():
        note({run: train(split, seed, corpus, tiny_en, folder / run.replace(" ", "_"))})
    wer: float = noted()[run]["eval_wer"]
    return wer


def train(split: tuple[int, int], seed: int, corpus: Corpus, tiny_en: Path, folder: Path) -> dict[str, Any]:
    halves = split_by_child(corpus, ratio=0.3, seed=0)
    config = small_config(
        *split,
        model={"pretrained": str(tiny_en), "dropout": DROPOUT},
        training={"learning_rate": 2e-5, "num_epochs": 1, "seed": seed, "precision": "auto"},
        evaluation={"every_steps": 1000},
    )
    rows: list[dict[str, Any]] = []
    Session(
        config,
        corpus=corpus,
        split=dataclasses.replace(halves, train=halves.train[:TRAINED], validation=halves.validation[:SCORED]),
        report=lambda row, checkpoint: rows.append(row.as_dict()),
        workdir=folder,
        score_first=False,
    ).run()
    return {key: rows[-1][key] for key in ("eval_wer", "train_loss", "steps_total", "precision_used")}


def noted() -> dict[str, Any]:
    return json.loads(FINISHED.read_text()) if FINISHED.is_file() else {}


def note(entry: dict[str, Any]) -> None:
    write_json(FINISHED, noted() | entry)
