"""What a driver does for one more trial: much the same after 260 as after 170, however many there were."""

import sys
from pathlib import Path
from typing import Any

from raytrain.benchmarks.scale import rehearsed_study
from raytrain.benchmarks.scale_alone import drive, lay_out
from raytrain.study.study import Study

PACKAGE = str(Path(__file__).parents[2] / "raytrain")
FURTHER = 3


def after(trials: int, folder: Path) -> Study:
    """A study in which so many trials have ended, and a few more are wanted."""
    study = rehearsed_study(folder, trials=trials + FURTHER, slots=2)
    lay_out(study, trials)
    return study


def calls_of_a_trial(study: Study) -> float:
    """How often functions of ours are called for one of the further trials, the first of them apart."""
    counted = 0
    marks: list[int] = []

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event == "call" and frame.f_code.co_filename.startswith(PACKAGE)

    def ended(_: int) -> None:
        marks.append(counted)
        sys.setprofile(count)

    try:
        drive(study, slots=1, on_end=ended)
    finally:
        sys.setprofile(None)
    assert len(marks) == FURTHER
    return (marks[-1] - marks[0]) / (FURTHER - 1)


def test_a_trial_costs_its_driver_no_more_after_260_than_after_170(tmp_path: Path) -> None:
    calls = [calls_of_a_trial(after(trials, tmp_path / str(trials))) for trials in (170, 260)]
    assert calls[1] < 1.1 * calls[0]
