"""The last words of a study of a Pareto front, and the way from them to a training. No trial is run: all have ended."""

import subprocess
import sys
from pathlib import Path

import pytest
from ended_trials import record
from small_studies import small_study

from raytrain.config.reader import apply_sample, load_baseline
from raytrain.results.ledger import Ledger

BATCH = "training.batch_size"


@pytest.fixture
def ended(tiny_en: Path, tmp_path: Path) -> Path:
    """The baseline, a better one that needs more memory, and one that is worse in everything."""
    space = (
        f"vary={{{BATCH}: {{values: [2, 4, 8]}}}}", "search.objective=pareto", "search.trials=3", "search.finalists=0",
    )  # fmt: skip
    study = small_study(tmp_path, tiny_en, space=space)
    study.description.write(tmp_path)
    ledger = Ledger(tmp_path)
    for number, batch_size, wer, peak_gib in ((0, 4, 0.30, 2.0), (1, 8, 0.25, 3.0), (2, 2, 0.40, 4.0)):
        ledger.append(
            record(
                number,
                apply_sample(study.baseline, {BATCH: batch_size}),
                sample={BATCH: batch_size} if number else {},
                eval_wer=wer,
                peak_memory_resident_gib=peak_gib,
                train_examples_per_s=8.0,
                examples_seen=16,
            )
        )
    return tmp_path


def test_a_finished_study_names_its_front_and_any_of_it_can_be_trained(ended: Path) -> None:
    tune = [sys.executable, "-m", "raytrain.tune", "--resume", str(ended)]
    done = subprocess.run(tune, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "front      trial 1: batch 8 × 1, lr" in done.stderr
    assert "WER 0.250, 3.00 GiB, 125.0 s per 1000 clips" in done.stderr
    assert "trial 2: batch" not in done.stderr.partition("front      ")[2]
    assert f"python -m raytrain.fit --config {ended}/front/TRIAL.yaml" in done.stderr
    assert [path.name for path in sorted((ended / "front").iterdir())] == ["trial-0000.yaml", "trial-0001.yaml"]
    assert load_baseline(str(ended / "best.yaml")) == load_baseline(str(ended / "front" / "trial-0001.yaml"))
    assert "## Pareto front" in (ended / "report.md").read_text()
