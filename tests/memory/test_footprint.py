"""The prediction of a run over prepared inputs: its longest clip and transcript count, and only those it can meet."""

import pytest

from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline
from raytrain.memory.footprint import Footprint
from raytrain.memory.prediction import predict
from raytrain.speech.corpus import prepare
from raytrain.speech.manifest import manifest_path


@pytest.fixture(scope="module")
def footprint(tmp_path_factory: pytest.TempPathFactory) -> Footprint:
    corpus = prepare(manifest_path("demo"), cache=tmp_path_factory.mktemp("cache"))
    return Footprint([corpus])


def predicted(footprint: Footprint, *overrides: str) -> float:
    return footprint.predict(load_baseline("small", overrides)).predicted_memory_gib


def test_short_clips_take_less_than_the_window_allows(footprint: Footprint) -> None:
    small: Baseline = load_baseline("small")
    assert footprint.predict(small).step_gib < predict(small).step_gib


def test_a_larger_micro_batch_takes_more(footprint: Footprint) -> None:
    assert predicted(footprint, "training.batch_size=16") > predicted(footprint, "training.batch_size=12")


def test_clips_too_long_to_train_on_do_not_count_in_training(footprint: Footprint) -> None:
    shorter = load_baseline("small", ["audio.max_window_s=2"])
    assert footprint.predict(shorter).step_gib < footprint.predict(load_baseline("small")).step_gib
