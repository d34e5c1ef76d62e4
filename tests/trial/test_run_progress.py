"""A run's progress as its worker tells it, and as it is read beside it."""

from pathlib import Path

from raytrain.trial.run_progress import ProgressFile, RunProgress, read_progress


def test_the_last_word_is_read_back(tmp_path: Path) -> None:
    ProgressFile(tmp_path / "trial-0000").tell("training", 120, 300)
    told = RunProgress(phase="training", examples_seen=120, examples_total=300)
    assert read_progress(tmp_path / "trial-0000") == told


def test_steps_of_one_phase_write_only_now_and_then(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path)
    file.tell("training", 8, 300)
    file.tell("training", 16, 300)
    assert read_progress(tmp_path) == RunProgress(phase="training", examples_seen=8, examples_total=300)


def test_another_phase_is_told_at_once(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path)
    file.tell("training", 8, 300)
    file.tell("scoring", 16, 300)
    assert read_progress(tmp_path) == RunProgress(phase="scoring", examples_seen=16, examples_total=300)


def test_before_the_first_word_and_of_a_torn_file_nothing_is_known(tmp_path: Path) -> None:
    assert read_progress(tmp_path / "none") is None
    (tmp_path / "progress.json").write_text('{"phase": "tra')
    assert read_progress(tmp_path) is None


def test_a_folder_that_takes_no_file_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ProgressFile(tmp_path / "file").tell("training", 8, 300)
    assert read_progress(tmp_path / "file") is None
