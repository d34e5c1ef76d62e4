"""The last words of a study, and its status. No trial is run: all have ended."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ended_trials import record
from small_studies import small_study

import raytrain.tune
from raytrain.config.reader import apply_sample, load_baseline
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome

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


def resumed(folder: Path) -> subprocess.CompletedProcess[str]:
    tune = [sys.executable, "-m", "raytrain.tune", "--resume", str(folder)]
    return subprocess.run(tune, capture_output=True, text=True, timeout=300)


def test_a_finished_study_names_its_front_and_any_of_it_can_be_trained(ended: Path) -> None:
    done = resumed(ended)
    assert done.returncode == 0, done.stderr
    assert "front      trial 1: batch 8 × 1, lr" in done.stderr
    assert "WER 0.250, 3.00 GiB, 125.0 s per 1000 clips" in done.stderr
    assert "trial 2: batch" not in done.stderr.partition("front      ")[2]
    assert f"python -m raytrain.fit --config {ended}/front/TRIAL.yaml" in done.stderr
    assert [path.name for path in sorted((ended / "front").iterdir())] == ["trial-0000.yaml", "trial-0001.yaml"]
    assert load_baseline(str(ended / "best.yaml")) == load_baseline(str(ended / "front" / "trial-0001.yaml"))
    assert "## Pareto front" in (ended / "report.md").read_text()


def test_a_study_none_of_whose_trials_is_completed_says_so_with_status_1(tiny_en: Path, tmp_path: Path) -> None:
    study = small_study(tmp_path, tiny_en, space=("search.trials=1", "search.finalists=0"))
    study.description.write(tmp_path)
    Ledger(tmp_path).append(record(0, study.baseline, outcome=Outcome.FAILED, eval_wer=None, reason="ValueError: why"))
    done = resumed(tmp_path)
    assert done.returncode == 1
    assert f"no trial was completed (failed: ValueError: why); see {tmp_path / 'trials.jsonl'}" in done.stderr
    assert f"report it with {tmp_path / 'trials.jsonl'} and what python -m raytrain --version prints" in done.stderr


def gone_on_with(tiny_en: Path, folder: Path, patched: pytest.MonkeyPatch, *, ran_s: float, records: int) -> int:
    """The status of a study that has run for so many seconds of its 100, and is asked to go on."""
    asked = ("search.trials=5", "search.finalists=0", f"search.budget_hours={100 / 3600:.7f}")
    study = small_study(folder, tiny_en, space=asked)
    study.description.write(folder)
    tick = {"start": 1, "at": "2026-01-01T00:00:00+00:00", "ran_s": ran_s}
    (folder / "clock.jsonl").write_text(json.dumps(tick) + "\n")
    study.history.start(study.history.axes.baseline_sample)
    for number in range(records):
        study.history.end(record(number, study.baseline, eval_wer=0.3, examples_seen=16))
    patched.setattr(sys, "argv", ["raytrain.tune", "--resume", str(folder)])
    return raytrain.tune._tune()


def test_a_budget_that_ended_within_the_baseline_says_so_with_the_way_on_and_status_1(
    tiny_en: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gone_on_with(tiny_en, tmp_path, monkeypatch, ran_s=101.0, records=0) == 1
    said = capsys.readouterr().err.splitlines()
    assert "so far     0 of 5 trials have ended; trial 0 stands where it can go on" in said
    assert said[-4:] == [
        "budget     101 s of 100 s spent",
        "saved      where trial 0 stands, to be gone on with",
        "the baseline has not ended yet: nothing can be compared; to go on:",
        f"python -m raytrain.tune --resume {tmp_path} --budget 1h",
    ]


def test_where_no_further_trial_can_end_in_time_no_cluster_is_started_for_it(
    tiny_en: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gone_on_with(tiny_en, tmp_path, monkeypatch, ran_s=70.0, records=1) == 0
    said = capsys.readouterr().err
    assert "so far     1 of 5 trials have ended\n" in said
    assert "budget     70 s of 100 s spent; in what is left no further trial can end\n" in said
    assert said.splitlines()[-1].strip() == f"python -m raytrain.tune --resume {tmp_path} --budget 1h"
    assert not (tmp_path / "ray").exists()
