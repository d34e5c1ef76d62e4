"""The charts of the hardware's time, of a few trials whose times are known."""

import re
from pathlib import Path
from typing import Any

from making import config, record
from studies import SPACE

from raytrain.report.figures.hours import gpu_occupancy, hours
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.results.study_results import StudyResults, load_study


def at(minute: int) -> str:
    return f"2026-01-01T00:{minute:02d}:00+00:00"


def studied(folder: Path, *trials: dict[str, Any]) -> StudyResults:
    """A study on a machine with two cards."""
    hardware = {"gpus": [{"name": "a GPU", "memory_gib": 24.0}] * 2}
    Description(
        baseline_name="a", baseline=config(), space_name="b", space=SPACE, provenance={"hardware": hardware}
    ).write(folder)
    ledger = Ledger(folder)
    for number, fields in enumerate(trials):
        ledger.append(record(number, **fields))
    return load_study(folder)


def test_occupancy_is_the_mean_share_of_all_cards_and_tells_idle_time(tmp_path: Path) -> None:
    """A quarter for 10 minutes, then 5 minutes of nothing, then one and a half for 5: 10 of 40 card-minutes."""
    study = studied(
        tmp_path,
        {"started_at": at(0), "ended_at": at(10), "gpu_fraction": 0.25},
        {"started_at": at(15), "ended_at": at(20), "gpu_fraction": 1.0},
        {"started_at": at(15), "ended_at": at(20), "gpu_fraction": 0.5},
    )
    figure = gpu_occupancy(study)
    assert figure is not None
    assert "of 2 in all: 25 % on average. For 5 min of 20 min none was held." in figure.caption


def test_the_area_goes_up_and_down_with_the_trials(tmp_path: Path) -> None:
    half = {"started_at": at(0), "ended_at": at(10), "gpu_fraction": 1.0}
    figure = gpu_occupancy(studied(tmp_path, half, {**half, "started_at": at(5), "ended_at": at(20)}))
    assert figure is not None
    (points,) = re.findall(r'class="area" points="(.*?)"', figure.svg)
    heights = [float(point.split(",")[1]) for point in points.split()]
    empty, one, two = sorted(set(heights), reverse=True)
    assert heights == [empty, empty, one, one, two, two, one, one, empty]


def test_a_trial_with_two_workers_holds_two_shares(tmp_path: Path) -> None:
    two = config(workers=2)
    figure = gpu_occupancy(studied(tmp_path, {"config": two, "gpu_fraction": 1.0}))
    assert figure is not None
    assert "100 % on average" in figure.caption


def test_without_gpus_there_is_no_occupancy_and_the_trials_have_their_lanes(tmp_path: Path) -> None:
    study = studied(
        tmp_path,
        {"started_at": at(0), "ended_at": at(10)},
        {"started_at": at(5), "ended_at": at(20)},
        {"started_at": at(10), "ended_at": at(20)},
        {"outcome": Outcome.NOT_STARTED},
    )
    figure = hours(study)
    assert gpu_occupancy(study) is None
    assert figure is not None
    tops = [float(top) for top in re.findall(r'class="bar [^"]*" x="[^"]*" y="([^"]*)"', figure.svg)]
    assert (len(tops), len(set(tops))) == (3, 2)
