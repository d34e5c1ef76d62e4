"""A run's folder before it starts: Ray goes on from the newest checkpoint that is as it was written."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from damages import OF_A_CHECKPOINT, OF_WEIGHTS, small_checkpoint
from ray.train import CheckpointConfig
from ray.train.v2._internal.execution.checkpoint.checkpoint_manager import CheckpointManager
from ray.train.v2._internal.execution.storage import StorageContext

from raytrain.config.baseline import Model
from raytrain.errors import InputError
from raytrain.trial.mend import mend
from raytrain.trial.storage import SNAPSHOT, latest_checkpoint, noted_checkpoints

MODEL = Model(variant="tiny", pretrained=None)
WERS = {2: 0.2, 4: 0.9, 6: 0.5}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose checkpoints are ranked 4, 6, 2, the best last, and whose latest is 6."""
    results = []
    for step in sorted(WERS, key=lambda step: -WERS[step]):
        small_checkpoint(tmp_path / f"step-{step:06}", eval_wer=WERS[step])
        results.append({"checkpoint_dir_name": f"step-{step:06}", "metrics": {"eval_wer": WERS[step]}})
    lists = ("pending_training_results", "pending_validation_specs", "validated_checkpoint_dir_names",
             "timed_out_validation_checkpoint_dir_names", "failed_validation_checkpoint_dir_names")  # fmt: skip
    snapshot: dict[str, Any] = {name: [] for name in lists} | {
        "checkpoint_results": results,
        "checkpoint_report_indices": [2, 3, 1],
        "latest_checkpoint_result": results[1],
        "current_report_index": 4,
    }
    (tmp_path / SNAPSHOT).write_text(json.dumps(snapshot))
    return tmp_path


def latest_for_ray(run: Path) -> str | None:
    """What Ray itself makes of the folder."""
    ranked = CheckpointConfig(num_to_keep=3, checkpoint_score_attribute="eval_wer", checkpoint_score_order="min")
    storage = StorageContext(storage_path=str(run.parent), experiment_dir_name=run.name)
    latest = CheckpointManager(ranked, storage).latest_checkpoint_result
    return Path(latest.checkpoint.path).name if latest is not None else None


def everything(run: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in run.rglob("*")}


def test_a_whole_run_is_left_as_it_is(run: Path) -> None:
    before = everything(run)
    mend(run, MODEL, may_begin_anew=False)
    assert everything(run) == before
    assert latest_for_ray(run) == "step-000006"


@pytest.mark.parametrize("damage", OF_A_CHECKPOINT.values(), ids=OF_A_CHECKPOINT)
def test_a_damaged_latest_checkpoint_is_named_and_the_one_before_it_taken(
    damage: Callable[[Path], None], run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(run / "step-000006")
    with caplog.at_level(logging.WARNING, "raytrain"):
        mend(run, MODEL, may_begin_anew=False)
    (line,) = caplog.messages
    assert line.startswith(f"{run}/step-000006: ")
    assert line.endswith("; going on from step-000004")
    assert (latest_checkpoint(run), latest_for_ray(run)) == (run / "step-000004", "step-000004")
    assert (run / "damaged-step-000006").is_dir()  # nothing is lost, and its name is free for the run


def test_where_all_are_damaged_a_fit_is_refused_and_nothing_touched(run: Path) -> None:
    for step in WERS:
        OF_WEIGHTS["a byte more"](run / f"step-{step:06}")
    before = everything(run)
    with pytest.raises(InputError, match=r"no checkpoint is whole \(step-000006: model\.safetensors: .*to begin anew"):
        mend(run, MODEL, may_begin_anew=False)
    assert everything(run) == before


def test_where_all_are_damaged_a_trial_begins_anew_and_says_so(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    for step in WERS:
        OF_WEIGHTS["a byte more"](run / f"step-{step:06}")
    with caplog.at_level(logging.WARNING, "raytrain"):
        mend(run, MODEL, may_begin_anew=True)
    assert all(line.endswith("the run begins anew") for line in caplog.messages)
    assert latest_for_ray(run) is None


def test_a_kept_checkpoint_that_is_gone_costs_none_of_the_others(run: Path) -> None:
    for path in (run / "step-000002").iterdir():
        path.unlink()
    (run / "step-000002").rmdir()
    mend(run, MODEL, may_begin_anew=False)
    assert latest_for_ray(run) == "step-000006"


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b'{"checkpoint_re',
        b"[" * 200_000,
        b"[]",
        b'{"checkpoint_results": "all"}',
        b"\xff",
        b'{"a": ' + b"9" * 5000,
    ],
)
def test_a_torn_snapshot_is_made_anew_from_the_checkpoints_before_the_newest(torn: bytes, run: Path) -> None:
    (run / SNAPSHOT).write_bytes(torn)
    assert (latest_checkpoint(run), noted_checkpoints(run)) == (None, None)
    mend(run, MODEL, may_begin_anew=False)  # of the newest one it may be that nobody has heard
    assert latest_for_ray(run) == "step-000004"


def test_a_snapshot_leads_to_no_folder_outside_its_run(run: Path) -> None:
    text = (run / SNAPSHOT).read_text()
    (run / SNAPSHOT).write_text(text.replace("step-000006", "../../elsewhere"))
    assert latest_checkpoint(run) is None


def test_a_run_that_never_was_is_left_alone(tmp_path: Path) -> None:
    mend(tmp_path / "nothing", MODEL, may_begin_anew=False)
    assert not (tmp_path / "nothing").exists()
