"""A run's checkpoints as Ray has noted them."""

import json
from pathlib import Path

from raytrain.trial.storage import SNAPSHOT, latest_checkpoint, noted_checkpoints


def snapshot(run: Path, *names: str) -> None:
    results = [{"checkpoint_dir_name": name, "metrics": {}} for name in names]
    values = {"checkpoint_results": results, "checkpoint_report_indices": [*range(len(names))]}
    (run / SNAPSHOT).write_text(json.dumps(values | {"latest_checkpoint_result": results[-1]}))


def test_the_latest_checkpoint_is_the_one_that_was_reported(tmp_path: Path) -> None:
    (tmp_path / "step-000009").mkdir()  # written, and the run killed before it could report it
    snapshot(tmp_path, "step-000003", "step-000006")
    assert latest_checkpoint(tmp_path) == tmp_path / "step-000006"
    assert noted_checkpoints(tmp_path) == [tmp_path / "step-000003", tmp_path / "step-000006"]


def test_a_run_that_was_never_kept_has_none(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path / "nothing") is None
