"""A study's disk: weights that are no longer among the best go while it runs, and nothing that may still be written."""

from pathlib import Path

from ended_trials import record
from histories import BATCH, TINY, description
from moto_server import s3_at_hand

from raytrain.files.s3 import RemoteFolder
from raytrain.study.study import Study, trial_name
from raytrain.study.tidy import let_go, tidy
from raytrain.trial.mirror import Mirror


def study_of(folder: Path, wers: list[float], **search: int | None) -> Study:
    """Whose trials ended in this order, with a checkpoint each."""
    study = Study(folder=folder, description=description(**({"finalists": 0} | search)), inputs=None)  # type: ignore[arg-type]
    for number, wer in enumerate(wers):
        kept = Path("ray", trial_name(number), "step-000001")
        (folder / kept).mkdir(parents=True)
        (folder / kept / "model.safetensors").touch()
        (folder / kept / "training_state.pt").touch()
        study.history.start({BATCH: 4})
        study.history.end(record(number, TINY, eval_wer=wer, checkpoint=str(kept)))
    return study


def there(study: Study) -> list[str]:
    return sorted(folder.name for folder in study.runs.iterdir())


def test_what_fell_behind_goes_while_the_study_runs(tmp_path: Path) -> None:
    study = study_of(tmp_path, [0.5, 0.4, 0.3, 0.2], keep_weights=1)
    let_go(study, but=study.history.records[-1])
    assert there(study) == ["trial-0000", "trial-0003"]
    assert (study.runs / "trial-0003" / "step-000001" / "training_state.pt").exists()


def test_the_trial_that_ended_just_now_waits(tmp_path: Path) -> None:
    study = study_of(tmp_path, [0.5, 0.2, 0.4], keep_weights=1)
    let_go(study, but=study.history.records[-1])
    assert there(study) == ["trial-0000", "trial-0001", "trial-0002"]
    tidy(study)
    assert there(study) == ["trial-0000", "trial-0001"]


def test_without_a_number_all_weights_stay_and_no_state(tmp_path: Path) -> None:
    study = study_of(tmp_path, [0.5, 0.4, 0.3])
    let_go(study, but=study.history.records[-1])
    tidy(study)
    assert there(study) == ["trial-0000", "trial-0001", "trial-0002"]
    assert not list(study.runs.rglob("training_state.pt"))


def test_what_went_from_s3_is_not_asked_for_there_again(tmp_path: Path) -> None:
    study = study_of(tmp_path, [0.5, 0.4, 0.3, 0.2], keep_weights=1)
    with s3_at_hand("tidied") as requests:
        mirror = Mirror(tmp_path, url="s3://tidied/study", runs=study.runs, names=list)
        for number in range(4):
            name = f"ray/{trial_name(number)}/step-000001/model.safetensors"
            RemoteFolder("s3://tidied/study").put(name, tmp_path / name)
        let_go(study, but=study.history.records[-1], mirror=mirror)
        left = {name.split("/")[1] for name in RemoteFolder("s3://tidied/study").sizes()}
        assert left == {"trial-0000", "trial-0003"}
        requests.clear()
        let_go(study, but=study.history.records[-1], mirror=mirror)
        assert requests == []
