"""A study's disk: weights that are no longer among the best go while it runs, and nothing that may still be written."""

from pathlib import Path

from ended_trials import record
from histories import BATCH, TINY, description

from raytrain.study.study import Study, trial_name
from raytrain.study.tidy import let_go, tidy


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
