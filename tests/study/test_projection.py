"""optuna.db: it shows the study as it runs, is made anew whatever becomes of it, and is never read back."""

from pathlib import Path

import optuna
import pytest
from ended_trials import record
from histories import BATCH, TINY, history
from optuna.trial import TrialState

from raytrain.results.records import Outcome
from raytrain.search.finalists import Repeat
from raytrain.study.history import History
from raytrain.study.projection import Projection, database_url


def shown(folder: Path) -> list[optuna.trial.FrozenTrial]:
    """Trials as optuna-dashboard sees them."""
    return optuna.load_study(study_name=None, storage=f"sqlite:///{folder / 'optuna.db'}").trials


def described(folder: Path) -> list[tuple[TrialState, float | None, dict[int, float]]]:
    return [(trial.state, trial.value, trial.intermediate_values) for trial in shown(folder)]


def whole(folder: Path) -> list[tuple[object, ...]]:
    attributes = [(trial.params, trial.user_attrs, trial.constraints) for trial in shown(folder)]
    return [(*one, *more) for one, more in zip(described(folder), attributes, strict=True)]


def with_a_trial_in_the_middle(folder: Path) -> tuple[History, Projection]:
    """The baseline has ended, trial 1 runs."""
    kept = history(folder)
    projection = Projection(kept, folder)
    kept.start(kept.axes.baseline_sample)
    projection.follow()
    kept.end(record(0, TINY, eval_wer=0.3))
    kept.start({BATCH: 4})
    kept.score(1, examples_seen=100, objective=0.4)
    projection.follow()
    return kept, projection


IN_THE_MIDDLE = [(TrialState.COMPLETE, 0.3, {}), (TrialState.RUNNING, None, {100: 0.4})]


def test_it_shows_the_study_as_it_runs(tmp_path: Path) -> None:
    kept, projection = with_a_trial_in_the_middle(tmp_path)
    assert described(tmp_path) == IN_THE_MIDDLE
    kept.end(record(1, TINY, outcome=Outcome.PRUNED, eval_wer=0.4))
    projection.follow()
    assert described(tmp_path) == [IN_THE_MIDDLE[0], (TrialState.PRUNED, 0.4, {100: 0.4})]


def test_the_baseline_is_shown_with_its_own_values_outside_the_space(tmp_path: Path) -> None:
    with_a_trial_in_the_middle(tmp_path)
    assert [trial.params for trial in shown(tmp_path)] == [{BATCH: 8}, {BATCH: 4}]


def test_what_followed_the_study_and_what_is_made_anew_of_it_are_the_same(tmp_path: Path) -> None:
    kept, projection = with_a_trial_in_the_middle(tmp_path)
    kept.end(record(1, TINY, eval_wer=0.2, peak_memory_reserved_gib=3.0))
    kept.repeat(Repeat(finalist=kept.records[0], seed=43))
    kept.start({BATCH: 2})
    kept.score(3, examples_seen=100, objective=0.5)
    projection.follow()
    kept.end(record(3, TINY, outcome=Outcome.PRUNED, eval_wer=0.5))
    projection.follow()
    followed = whole(tmp_path)
    (tmp_path / "optuna.db").unlink()
    Projection(kept, tmp_path).close()
    anew = whole(tmp_path)
    assert anew == followed


@pytest.mark.parametrize("content", [None, b"not a database at all" * 100, b""])
def test_a_file_that_is_deleted_or_damaged_in_the_middle_is_made_anew(tmp_path: Path, content: bytes | None) -> None:
    kept, projection = with_a_trial_in_the_middle(tmp_path)
    (tmp_path / "optuna.db").unlink()
    if content is not None:
        (tmp_path / "optuna.db").write_bytes(content)
    kept.start({BATCH: 2})
    projection.follow()
    assert [trial.state for trial in shown(tmp_path)] == [TrialState.COMPLETE, TrialState.RUNNING, TrialState.RUNNING]
    projection.close()
    assert len(shown(tmp_path)) == 3


def test_a_file_cut_short_while_it_is_open_is_whole_when_the_study_ends(tmp_path: Path) -> None:
    kept, projection = with_a_trial_in_the_middle(tmp_path)
    whole = (tmp_path / "optuna.db").read_bytes()
    (tmp_path / "optuna.db").write_bytes(whole[: len(whole) // 2])
    kept.end(record(1, TINY, eval_wer=0.2))
    projection.follow()
    projection.close()
    assert [trial.value for trial in shown(tmp_path)] == [0.3, 0.2]


def test_a_file_that_is_behind_catches_up_and_one_of_another_study_is_replaced(tmp_path: Path) -> None:
    kept, _ = with_a_trial_in_the_middle(tmp_path)
    kept.end(record(1, TINY, eval_wer=0.2))
    kept.start({BATCH: 2})
    Projection(kept, tmp_path).close()
    assert [trial.state for trial in shown(tmp_path)] == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.RUNNING]
    other = tmp_path / "other"
    other.mkdir()
    with_a_trial_in_the_middle(other)
    (tmp_path / "optuna.db").rename(other / "optuna.db")
    Projection(history(other), other).close()
    assert described(other) == IN_THE_MIDDLE


def test_a_file_of_another_study_with_as_many_ended_trials_is_replaced(tmp_path: Path) -> None:
    for name, wer, batch_size in (("this", 0.3, 2), ("other", 0.5, 2), ("third", 0.3, 4)):
        (tmp_path / name).mkdir()
        kept = history(tmp_path / name)
        for number, sample in enumerate((kept.axes.baseline_sample, {BATCH: batch_size})):
            kept.start(sample)
            kept.end(record(number, TINY, eval_wer=wer))
        Projection(kept, tmp_path / name).close()
    this = tmp_path / "this"
    was = whole(this)
    for name in ("other", "third"):
        (tmp_path / name / "optuna.db").rename(this / "optuna.db")
        Projection(history(this), this).close()
        assert whole(this) == was


def test_a_file_that_cannot_be_made_anew_is_not_tried_at_every_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = history(tmp_path)
    kept.start(kept.axes.baseline_sample)
    made: list[str] = []

    def refuse(**asked: object) -> None:
        made.append("anew")
        raise OSError("no SQLite file here")

    monkeypatch.setattr(optuna, "create_study", refuse)
    projection = Projection(kept, tmp_path)
    for _ in range(3):
        projection.follow()
    assert len(made) == 1
    monkeypatch.undo()
    projection.close()
    assert len(shown(tmp_path)) == 1


def test_a_number_whose_sample_an_old_study_lost_is_shown_as_failed(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.end(record(0, TINY, eval_wer=0.3))
    kept.end(record(2, TINY, eval_wer=0.2, sample={BATCH: 4}))
    Projection(kept, tmp_path).close()
    assert [(trial.state, trial.value) for trial in shown(tmp_path)] == [
        (TrialState.COMPLETE, 0.3),
        (TrialState.FAIL, None),
        (TrialState.COMPLETE, 0.2),
    ]


def test_memory_over_the_limit_is_shown_as_a_constraint(tmp_path: Path) -> None:
    kept = history(tmp_path, memory_limit_gib=8.0)
    kept.end(record(0, TINY, eval_wer=0.3, peak_memory_reserved_gib=9.5, peak_memory_resident_gib=2.0))
    Projection(kept, tmp_path).close()
    assert shown(tmp_path)[0].constraints == {"memory_gib": 1.5}


def test_a_study_whose_folder_was_renamed_keeps_its_file(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    with_a_trial_in_the_middle(tmp_path / "before")
    moved = (tmp_path / "before").rename(tmp_path / "after")
    before = (moved / "optuna.db").stat().st_ino
    Projection(history(moved), moved).close()
    assert (moved / "optuna.db").stat().st_ino == before


def test_a_folder_that_cannot_be_written_to_stops_nothing(tmp_path: Path) -> None:
    kept, projection = with_a_trial_in_the_middle(tmp_path)
    (tmp_path / "optuna.db").unlink()
    (tmp_path / "optuna.db").mkdir()  # which unlink refuses, as a read-only folder would
    kept.start({BATCH: 2})
    projection.follow()
    projection.close()
    assert (tmp_path / "optuna.db").is_dir()


@pytest.mark.parametrize("name", ["what?now", "50%41 #1", "a{b}c", "it's two", "-x"])
def test_a_study_keeps_its_own_file_whatever_its_folder_is_called(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with_a_trial_in_the_middle(folder)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (folder / "optuna.db").is_file()
    assert len(optuna.load_study(study_name=None, storage=database_url(folder)).trials) == 2
