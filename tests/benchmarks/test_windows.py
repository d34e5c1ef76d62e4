"""What an audio window costs: the bench trains what it has not trained yet, and its figures are those of its runs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from raytrain.benchmarks.windows import EXPECTED, Training, measure_windows, summary, train
from raytrain.benchmarks.windows_figure import windows_figure
from raytrain.config.baseline import WINDOWS
from raytrain.speech.manifest import manifest_path

FIGURES = Path(__file__).parents[2] / "results" / "bench" / "windows.json"


def run(wer: float, cpu_s: float, wer_at_full: float | None = None) -> dict[str, Any]:
    return {"wer": wer, "cpu_s": cpu_s, "wer_at_full": wer_at_full}


RUNS = {
    "condensed 0": run(0.08, 90.0, 0.07), "condensed 1": run(0.10, 70.0, 0.09),
    "full 0": run(0.07, 600.0), "full 1": run(0.09, 680.0),
}  # fmt: skip


def test_a_window_is_told_by_the_means_of_its_seeds_and_beside_the_full_one() -> None:
    found = summary(RUNS)["windows"]
    assert found["condensed"] == {
        "seeds": 2, "wer": 0.09, "wer_deviation": 0.0141, "wer_at_full": 0.08, "cpu_s": 80.0,
        "wer_above_full": 0.01, "times_as_fast_as_full": 8.0,
    }  # fmt: skip
    assert (found["full"]["wer_above_full"], found["full"]["wer_at_full"]) == (0.0, None)
    assert "fitted" not in found


def test_the_figure_has_a_mark_for_each_training_and_a_name_for_each_window() -> None:
    svg = ElementTree.fromstring(windows_figure(summary(RUNS)))
    kinds = [each.get("class") for each in svg.iter()]
    assert (kinds.count("mark one"), kinds.count("mark measured"), kinds.count("group")) == (4, 2, 2)


def test_what_has_been_trained_is_not_trained_again() -> None:
    kept: list[Any] = []
    training = Training(model="nowhere", variant="tiny", manifest="nowhere", window="full", seed=0)
    found = measure_windows([training], RUNS, keep=kept.append, say=print)
    assert (found["runs"], kept) == (RUNS, [])


def test_trainings_of_other_weights_are_not_gone_on_with(tmp_path: Path) -> None:
    out = tmp_path / "windows.json"
    out.write_text(json.dumps({"of": {"variant": "base", "manifest": "demo"}, **summary(RUNS)}))
    bench = [sys.executable, "-m", "raytrain.bench", "windows", "--out", str(out)]
    done = subprocess.run(bench, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "name another file" in done.stderr
    assert json.loads(out.read_text())["runs"] == RUNS


def test_a_training_on_condensed_windows_is_scored_there_and_at_30_s(tiny_en: Path) -> None:
    told = train(
        Training(
            model=str(tiny_en), variant="tiny", manifest=str(manifest_path("demo")), window="condensed", seed=0,
            trained=8, scored=4, num_epochs=1,
        )
    )  # fmt: skip
    assert told["wer"] == told["wers"][-1] < 1
    assert told["wer_at_full"] < 1
    assert told["cpu_s"] > 0


@pytest.mark.soak
def test_after_training_condensed_windows_hear_nearly_as_full_ones_at_four_times_their_speed(tmp_path: Path) -> None:
    """An hour on a core, of what results/bench/windows.json has not; RAYTRAIN_CORPUS names the manifest."""
    manifest = os.environ.get("RAYTRAIN_CORPUS", "demo")
    out = FIGURES if "RAYTRAIN_CORPUS" in os.environ else tmp_path / "windows.json"
    command = [sys.executable, "-m", "raytrain.bench", "windows", "--data", manifest, "--out", str(out)]
    subprocess.run(command, check=True)
    windows = json.loads(out.read_text())["windows"]
    assert set(windows) == set(WINDOWS)
    assert windows["condensed"]["times_as_fast_as_full"] >= EXPECTED["times_as_fast_as_full"]
    assert windows["condensed"]["wer_above_full"] <= 0.01  # seeds scatter by as much
    assert windows["fitted"]["wer_above_full"] <= 0.02
