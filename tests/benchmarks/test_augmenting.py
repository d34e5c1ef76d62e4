"""What changing sound costs is measured on real clips, each change by itself."""

from pathlib import Path

from raytrain.benchmarks.augmenting import CHANGES, measure_augmentation
from raytrain.speech.corpus import prepare
from raytrain.speech.manifest import manifest_path


def test_every_change_is_measured_and_pitch_costs_more_than_gain(tmp_path: Path) -> None:
    found = measure_augmentation(prepare(manifest_path("demo"), cache=tmp_path), rounds=2)
    assert set(found["changes"]) == {*CHANGES, "all"}
    assert found["changes"]["pitch"]["cpu_ms_per_clip"] > found["changes"]["gain"]["cpu_ms_per_clip"] > 0
    assert found["clips"] == 36
