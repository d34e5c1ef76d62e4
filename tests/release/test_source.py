"""Which run, and which checkpoint, a folder stands for."""

import json
import shutil
from pathlib import Path

import pytest
from exported_runs import checkpoint, copy_of, edit_json, study_of

from raytrain.archive.checksums import FILE_NAME, KeptFile, Manifest
from raytrain.errors import InputError
from raytrain.release.runs import find_run


def test_a_fit_stands_for_its_checkpoint_with_the_lowest_wer(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit")
    edit_json(checkpoint(copy, 2) / "raytrain.json", eval_wer=0.0)
    assert [find_run(copy).best.step, len(find_run(copy).checkpoints)] == [2, 3]


def test_of_equal_checkpoints_the_later_one_is_taken(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit")
    edit_json(checkpoint(copy, 1) / "raytrain.json", eval_wer=0.0)
    edit_json(checkpoint(copy, 2) / "raytrain.json", eval_wer=0.0)
    assert find_run(copy).best.step == 2


def test_a_checkpoint_stands_for_itself_within_its_run(fit: Path) -> None:
    run = find_run(checkpoint(fit, 1))
    assert ([one.step for one in run.checkpoints], run.name) == ([1], fit.name)


def test_a_study_stands_for_its_best_trial(fit: Path, tmp_path: Path) -> None:
    study = study_of(fit, tmp_path / "study")
    run = find_run(study)
    assert (run.name, run.best.folder) == ("study_trial-0001", study / "ray" / "trial-0001" / "step-000002")


def test_a_trials_checkpoint_is_known_as_its_studys(fit: Path, tmp_path: Path) -> None:
    study = study_of(fit, tmp_path / "study")
    assert find_run(study / "ray" / "trial-0000" / "step-000001").name == "study_trial-0000"


def test_what_ray_had_not_noted_down_is_no_checkpoint(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit")
    noted = {"checkpoint_dir_name": "step-000001", "metrics": {}}
    snapshot = {"checkpoint_results": [noted], "checkpoint_report_indices": [0], "latest_checkpoint_result": noted}
    (copy / "checkpoints" / "checkpoint_manager_snapshot.json").write_text(json.dumps(snapshot))
    assert [one.step for one in find_run(copy).checkpoints] == [1]


def test_a_checkpoint_without_its_run_is_refused(fit: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoint(fit, 1), tmp_path / "alone", ignore=shutil.ignore_patterns("*.safetensors", "*.pt"))
    (tmp_path / "alone" / "model.safetensors").touch()
    with pytest.raises(InputError, match="not inside the folder of a fit or a study"):
        find_run(tmp_path / "alone")


def test_a_run_without_checkpoints_tells_how_to_get_one(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit", steps=())
    with pytest.raises(InputError, match=r"holds no whole checkpoint; train on with .*--resume"):
        find_run(copy)


def test_a_study_whose_best_trial_kept_nothing_names_best_yaml(fit: Path, tmp_path: Path) -> None:
    study = study_of(fit, tmp_path / "study")
    shutil.rmtree(study / "ray" / "trial-0001")
    with pytest.raises(InputError, match=r"no whole checkpoint; train it again with .*best.yaml"):
        find_run(study)


def test_an_archived_run_whose_weights_lie_elsewhere_tells_where(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "kept", steps=(1,))
    (checkpoint(copy, 1) / "model.safetensors").unlink()
    weights = KeptFile(sha256="0" * 64, size=1, mode=0o644, mtime_ns=0, remote=True)
    manifest = Manifest(
        name="kept", kind="fit", why="over", replaced_by=None, archived_at="2026-01-01T00:00:00Z",
        origin="results/kept", commit=None, versions={}, wer_unit=None,
        remote="s3://bucket/kept", directories={}, links={},
        files={"checkpoints/step-000001/model.safetensors": weights},
    )  # fmt: skip
    (copy / FILE_NAME).write_text(manifest.render())
    with pytest.raises(InputError, match=r"its weights lie at s3://bucket/kept; bring them back with .* restore kept"):
        find_run(copy)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_what_is_no_run_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"name a fit|neither a fit"):
        find_run(tmp_path / name)
