"""A study's own run: the table of its trials, charts, transcripts, verdict and files arrive, read back from disk."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from reading import wandb_records, wandb_summary

from raytrain.config.baseline import Tracking
from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.report.write import write_report
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.tracking.published_study import publish_study, trial_rows

BASELINE = load_baseline("tiny", ["training.batch_size=8", "training.learning_rate=1e-5"])
SPACE = SearchSpace.model_validate({"vary": {"training.batch_size": {"values": [4, 8]}}})


def trial(number: int, outcome: Outcome, wer: float | None, **fields: Any) -> TrialRecord:
    return TrialRecord(
        trial_id=f"trial-{number:04}",
        number=number,
        sample={},
        config=BASELINE,
        effective_batch_size=8,
        outcome=outcome,
        eval_wer=wer,
        seed=42,
        started_at="2026-01-01T00:00:00+00:00",
        ended_at="2026-01-01T00:10:00+00:00",
        wall_s=600.0,
        **{"peak_memory_resident_gib": 2.0, **fields},
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four trials, published offline."""
    folder = tmp_path_factory.mktemp("results") / "2026-01-01_tiny_smoke"
    folder.mkdir()
    Description(baseline_name="tiny", baseline=BASELINE, space_name="smoke", space=SPACE).write(folder)
    ledger = Ledger(folder)
    ledger.append(trial(0, Outcome.COMPLETED, 0.3, peak_memory_resident_gib=1.5))
    ledger.append(trial(1, Outcome.DIVERGED, None))
    ledger.append(trial(2, Outcome.COMPLETED, 0.25, checkpoint="ray/trial-0002/step-000004"))
    weights = folder / "ray" / "trial-0002" / "step-000004" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    (folder / "importance.json").write_text('{"training.batch_size": 1.0}')
    ledger.append(trial(3, Outcome.PRUNED, 0.2))
    row = {"utterance_id": "u1", "child_id": "c1", "age_bucket": "5-7", "duration_s": 2.0, "reference": "a big dog"}
    counts = {"hypothesis": "a dog", "substitutions": 0, "deletions": 1, "insertions": 0, "hits": 2}
    (folder / "trials" / "2").mkdir(parents=True)
    (folder / "trials" / "2" / "utterances.jsonl").write_text(json.dumps(row | counts) + "\n")
    publish_study(Tracking(wandb="offline"), write_report(folder))
    return folder


@pytest.fixture(scope="module")
def records(study: Path) -> dict[str, list[dict[str, Any]]]:
    return wandb_records(study)


def table(study: Path, name: str) -> dict[str, Any]:
    (path,) = study.glob(f"wandb/offline-run-*/files/media/table/{name}_[0-9]*.table.json")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_the_table_has_a_row_a_trial_with_the_best_so_far(study: Path) -> None:
    content = table(study, "all_trials")
    column = content["columns"].index("best_so_far")
    assert [row[column] for row in content["data"]] == [0.3, 0.3, 0.25, 0.25]
    assert [row[content["columns"].index("outcome")] for row in content["data"]] == [
        "completed", "diverged", "completed", "pruned",
    ]  # fmt: skip


def test_transcripts_and_charts_are_there(study: Path) -> None:
    assert table(study, "worst_transcripts")["data"] == [["u1", "c1", "5-7", "a big dog", "a dog", "a [-big-] dog", 1]]
    assert len(table(study, "wer_against_memory_table")["data"]) == 3


def test_the_front_holds_the_completed_trials_that_none_beats(study: Path) -> None:
    assert table(study, "pareto_front_table")["data"] == [[1.5, 0.3, 0], [2.0, 0.25, 2]]


def test_importance_is_there_where_it_was_worked_out(study: Path) -> None:
    assert table(study, "importance_table")["data"] == [["training.batch_size", 1.0]]


def test_the_best_weights_are_sent_where_that_is_asked_for(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / study.name
    shutil.copytree(study, folder, ignore=shutil.ignore_patterns("wandb", "tracking"))
    publish_study(Tracking(wandb="offline"), write_report(folder), with_checkpoint=True)
    (kept,) = [record for record in wandb_records(folder)["artifact"] if record["type"] == "model"]
    assert [entry["path"] for entry in kept["manifest"]["contents"]] == ["model.safetensors"]


def test_the_summary_has_the_verdict_and_the_counts(records: dict[str, list[dict[str, Any]]]) -> None:
    summary = wandb_summary(records)
    assert summary["verdict"].startswith("batch 8 × 1, lr 1e-5: WER 0.250 against the baseline's 0.300")
    assert (summary["best_trial"], summary["trials"], summary["trials_diverged"]) == (2, 4, 1)


def test_it_stands_in_the_study_s_group_and_ends_finished(records: dict[str, list[dict[str, Any]]]) -> None:
    run = records["run"][-1]
    assert (run["run_group"], run["job_type"]) == ("2026-01-01_tiny_smoke", "study")
    assert records["exit"][-1].get("exit_code", 0) == 0


def test_best_yaml_and_the_reports_are_an_artifact(records: dict[str, list[dict[str, Any]]]) -> None:
    kept = [record for record in records["artifact"] if record["type"] == "study"]
    assert not [record for record in records["artifact"] if record["type"] == "model"]
    names = {entry["path"] for entry in kept[0]["manifest"]["contents"]}
    assert names == {"best.yaml", "study.json", "trials.jsonl", "report.md", "report.html"}


def test_a_study_that_is_not_tracked_has_no_run(tmp_path: Path) -> None:
    Description(baseline_name="tiny", baseline=BASELINE, space_name="smoke", space=SPACE).write(tmp_path)
    Ledger(tmp_path).append(trial(0, Outcome.COMPLETED, 0.3))
    made = write_report(tmp_path)
    publish_study(Tracking(wandb="disabled"), made)
    assert not (tmp_path / "wandb").exists()
    assert trial_rows(made)[0]["effective_batch_size"] == 8
