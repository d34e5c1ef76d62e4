"""Corpora and weights of the training tests."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import SMALL, OnTwoWorkers, small_whisper, tone_corpus, two_workers

from raytrain.config.baseline import Audio
from raytrain.speech.corpus import Corpus, prepare
from raytrain.speech.joined_corpus import join
from raytrain.speech.manifest import manifest_path
from raytrain.whisper import weights
from raytrain.whisper.variants import VARIANTS


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tensors gain nothing from more, and bits are to be compared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """87 clips: at 36 a step the third is short, and leaves a second worker with nothing to do."""
    seconds = np.random.default_rng(1).uniform(0.4, 2.5, 87).tolist()
    return tone_corpus(tmp_path_factory.mktemp("tones"), seconds=seconds)


@pytest.fixture(scope="session")
def two_sources(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """25 clips of one manifest and 20 of another, of the same four children."""
    seconds = np.random.default_rng(2).uniform(0.4, 2.5, 45).tolist()
    folder = tmp_path_factory.mktemp("sources")
    parts = {"home": seconds[:25], "school": seconds[25:]}
    return join({name: tone_corpus(folder / name, seconds=some) for name, some in parts.items()})


@pytest.fixture(scope="session")
def on_two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnTwoWorkers]:
    """The same two processes for all tests of this room."""
    with two_workers(tmp_path_factory.mktemp("workers")) as run:
        yield run


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The packaged corpus: speech, if synthetic."""
    return prepare(manifest_path("demo"), cache=tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def _saved_small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "weights"
    weights.save(small_whisper(), folder, window=Audio(), extra={})
    return folder


@pytest.fixture
def small_weights(_saved_small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small Whisper's weights in a folder; its shape is what the variant `tiny` stands for in this test."""
    monkeypatch.setitem(VARIANTS, "tiny", dataclasses.replace(VARIANTS["tiny"], **SMALL))
    return _saved_small_weights
