"""A run's folder after a kill: Ray would refuse a torn snapshot at every further start."""

import json
from pathlib import Path

from raytrain.trial.storage import latest_checkpoint


def snapshot(run: Path, *names: str) -> Path:
    results = [{"checkpoint_dir_name": name, "metrics": {}} for name in names]
    path = run / "checkpoint_manager_snapshot.json"
    path.write_text(json.dumps({"checkpoint_results": results, "latest_checkpoint_result": results[-1]}))
    return path


def test_the_latest_checkpoint_is_the_one_that_was_reported(tmp_path: Path) -> None:
    (tmp_path / "step-000009").mkdir()  # written, and the run killed before it could report it
    snapshot(tmp_path, "step-000003", "step-000006")
    assert latest_checkpoint(tmp_path) == tmp_path / "step-000006"


def test_a_run_that_was_never_kept_has_none(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path / "nothing") is None


def test_a_torn_snapshot_is_taken_away(tmp_path: Path) -> None:
    path = snapshot(tmp_path, "step-000003")
    path.write_text(path.read_text()[:20])
    assert latest_checkpoint(tmp_path) is None
    mend(tmp_path)
    assert not path.exists()


def test_a_snapshot_of_checkpoints_that_are_gone_is_taken_away(tmp_path: Path) -> None:
    path = snapshot(tmp_path, "step-000003")
    mend(tmp_path)
    assert not path.exists()


def test_a_whole_run_is_left_as_it_is(tmp_path: Path) -> None:
    path = snapshot(tmp_path, "step-000003")
    (tmp_path / "step-000003").mkdir()
    mend(tmp_path)
    assert path.exists()
