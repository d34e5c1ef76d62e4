"""What a comparison needs of any run: ours, foreign, archived or not."""

import json
from pathlib import Path

import pytest
from runs import WHY, make_fit

from raytrain.archive import summary
from raytrain.archive.as_baseline import write_baseline
from raytrain.archive.pickled import plain_values
from raytrain.archive.store import Archive
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError


def make_trainer_folder(folder: Path, wers: list[float]) -> Path:
    """As little as makes a Trainer's folder: its state, in the latest checkpoint alone."""
    rows = [{"step": 500 * number, "eval_wer": wer} for number, wer in enumerate(wers, 1)]
    (folder / "checkpoint-500").mkdir(parents=True)
    (folder / "checkpoint-1000").mkdir()
    (folder / "checkpoint-1000" / "trainer_state.json").write_text(
        json.dumps({"global_step": 1000, "train_batch_size": 8, "log_history": rows})
    )
    return folder


def test_a_fit_tells_its_settings_and_best_step(project: Path, archive: Archive) -> None:
    archive.add(make_fit(project / "results" / "run"), why=WHY)
    told = summary(archive.home / "run")
    assert (told["kind"], told["variant"], told["effective_batch_size"]) == ("fit", "medium", 32)
    assert (told["best_eval_wer"], told["best_step"], told["eval_wer"]) == (0.19, 1000, 0.2)
    assert (told["archived_at"], told["why"]) == (archive.read("run").archived_at, WHY)


def test_a_run_that_is_not_archived_tells_the_same(project: Path) -> None:
    told = summary(make_fit(project / "results" / "run"))
    assert (told["name"], told["best_eval_wer"], told["archived_at"]) == ("run", 0.19, None)


def test_a_foreign_wer_in_percent_is_told_as_a_fraction_and_as_assumed(tmp_path: Path) -> None:
    told = summary(make_trainer_folder(tmp_path / "run", [31.0, 19.4]))
    assert [row["eval_wer"] for row in told["history"]] == [0.31, 0.19399999999999998]
    assert told["wer_unit"] == "percent, assumed"


def test_what_the_person_says_of_the_unit_counts(project: Path, archive: Archive) -> None:
    archive.add(make_trainer_folder(project / "results" / "run", [3.5, 2.5]), why=WHY, wer_unit="fraction")
    told = summary(archive.home / "run")
    assert (told["best_eval_wer"], told["wer_unit"]) == (2.5, "fraction")


def test_a_foreign_run_with_nothing_but_its_state_is_a_run(tmp_path: Path) -> None:
    told = summary(make_trainer_folder(tmp_path / "run", [0.3]))
    assert (told["kind"], told["batch_size"], told["steps"], told["variant"]) == ("trainer", 8, 1000, None)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run"):
        summary(tmp_path)


def test_a_pickle_that_would_run_something_runs_nothing(tmp_path: Path) -> None:
    import os
    import pickle
    import zipfile

    class Evil:
        def __reduce__(self) -> object:
            return (os.mkdir, (str(tmp_path / "made"),))

    with zipfile.ZipFile(tmp_path / "training_args.bin", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Evil()))
    assert plain_values(tmp_path / "training_args.bin") == {}
    assert not (tmp_path / "made").exists()


def test_a_fit_becomes_a_baseline_again(project: Path, archive: Archive) -> None:
    archive.add(make_fit(project / "results" / "run"), why=WHY)
    write_baseline(archive.home / "run", project / "baselines" / "run.yaml")
    baseline = load_baseline(str(project / "baselines" / "run.yaml"))
    assert (baseline.model.variant, baseline.training.batch_size) == ("medium", 8)


def test_a_baseline_that_is_there_is_not_overwritten(project: Path, archive: Archive) -> None:
    archive.add(make_fit(project / "results" / "run"), why=WHY)
    write_baseline(archive.home / "run", project / "baselines" / "run.yaml")
    with pytest.raises(InputError, match="exists; name another file with --to"):
        write_baseline(archive.home / "run", project / "baselines" / "run.yaml")


def test_a_run_that_does_not_tell_its_configuration_is_no_baseline(project: Path, archive: Archive) -> None:
    run = make_fit(project / "results" / "run")
    (run / "fit.json").write_text('{"eval_wer": 0.2}')
    archive.add(run, why=WHY)
    with pytest.raises(InputError, match="holds no resolved baseline"):
        write_baseline(archive.home / "run", project / "baselines" / "run.yaml")
