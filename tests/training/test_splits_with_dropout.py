"""With dropout, splits of an effective batch are equal in distribution: two differ no more than two seeds do.

A split draws other units to drop and sees the same clips; a seed draws both anew. Gradients are what is compared:
whatever they pass on to weights and to the WER, AdamW and clipping would hide a wrong size of theirs.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import pytest
from small_runs import FP32, feed, small_config

from raytrain.speech.corpus import Corpus
from raytrain.training.feed import StepData
from raytrain.training.loop import train
from raytrain.training.optimizer import make_optimizer
from raytrain.whisper import weights

WHOLE, HALVES, SINGLES = (4, 1), (2, 2), (1, 4)
SEEDS = (0, 1, 2, 3)
TOLERANCE = 1.5
"""Of a mean over twelve pairs, against one over eighteen."""

Norms = dict[tuple[tuple[int, int], int], float]
"""The logarithm of the first step's gradient norm, before clipping, by split and seed."""


@pytest.fixture(scope="module")
def log_norm(demo: Corpus, tiny_en: Path) -> Callable[..., float]:
    whisper = weights.load(small_config(model={"pretrained": str(tiny_en), "dropout": 0.1}).model, seed=0)

    def of(split: tuple[int, int], seed: int, accumulated: Callable[[StepData], StepData] = lambda data: data) -> float:
        config = small_config(*split, training={"seed": seed})
        (progress,) = train(
            whisper,
            [accumulated(feed(whisper, config, demo)(0))],
            make_optimizer(whisper.model.named_parameters(), config.training),
            FP32.gradient_scaler(),
            training=config.training,
            precision=FP32,
            learning_rate=lambda step: 0.0,  # every run begins with the published weights
        )
        return math.log(progress.grad_norm)

    return of


@pytest.fixture(scope="module")
def norms(log_norm: Callable[..., float]) -> Norms:
    return {(split, seed): log_norm(split, seed) for split in (WHOLE, HALVES, SINGLES) for seed in SEEDS}


def between_splits(norms: Norms) -> float:
    """The mean gap of two splits of one seed's batch."""
    pairs = itertools.combinations((WHOLE, HALVES, SINGLES), 2)
    return mean(abs(norms[one, seed] - norms[other, seed]) for one, other in pairs for seed in SEEDS)


def between_seeds(norms: Norms) -> float:
    """The mean gap of two seeds in one split."""
    pairs = itertools.combinations(SEEDS, 2)
    return mean(
        abs(norms[split, one] - norms[split, other]) for one, other in pairs for split in (WHOLE, HALVES, SINGLES)
    )


def test_two_splits_differ_no_more_than_two_seeds_do(norms: Norms) -> None:
    assert 0 < between_splits(norms) <= TOLERANCE * between_seeds(norms)


def summed(data: StepData) -> StepData:
    """Means of micro-batches added up, and not divided by their number."""
    return dataclasses.replace(data, tokens=data.tokens // len(data.micro_batches))


def of_the_last(data: StepData) -> StepData:
    """Gradients cleared before each micro-batch, so that the last alone is left."""
    return dataclasses.replace(data, micro_batches=data.micro_batches[-1:])


@pytest.mark.parametrize("wrong", [summed, of_the_last])
def test_splits_that_are_accumulated_wrongly_differ_by_more(
    norms: Norms, log_norm: Callable[..., float], wrong: Callable[[StepData], StepData]
) -> None:
    mutant = norms | {(SINGLES, seed): log_norm(SINGLES, seed, wrong) for seed in SEEDS}
    assert between_splits(mutant) > TOLERANCE * between_seeds(mutant)
