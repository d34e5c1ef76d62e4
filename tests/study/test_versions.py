"""A study of each version of the format is kept as it was written, and opens: to be read, reported and gone on with."""

import shutil
from pathlib import Path

import pytest

from raytrain.archive.summaries import summary
from raytrain.report.write import write_report
from raytrain.results.description import VERSION, read_description
from raytrain.study.history import History
from raytrain.study.opening import changed, find_study
from raytrain.study.projection import Projection

KEPT = Path(__file__).parents[1] / "data" / "studies"
VERSIONS = sorted(folder.name for folder in KEPT.iterdir())


@pytest.fixture(params=VERSIONS)
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(KEPT / request.param, tmp_path / request.param))


def test_there_is_one_of_each_version() -> None:
    assert [f"version-{number}" for number in range(1, VERSION + 1)] == VERSIONS


def test_its_report_can_be_written_again(study: Path) -> None:
    found = write_report(study)
    assert [record.number for record in found.records] == [0, 1, 2]
    assert found.verdict.sentence in (study / "report.md").read_text(encoding="utf-8")


def test_it_goes_on_where_it_ended(study: Path) -> None:
    folder, begun = find_study(str(study))
    description = changed(folder, begun, [], trials=9)
    history = History(folder, description)
    assert (history.next_number, history.unfinished()) == (3, [])
    assert {number for number, _ in history.objectives()} == {0, 1, 2}  # ASHA's rungs
    assert len(history.tried()) == 3
    description.write(folder)
    assert read_description(folder).version == VERSION  # an older raytrain would take optuna.db for the truth
    Projection(history, folder).close()
    assert (folder / "optuna.db").is_file()


def test_what_it_is_shown_as_in_the_archive(study: Path) -> None:
    found = summary(study)
    assert (found["kind"], found["trials"], found["batch_size"]) == ("study", 3, 8)
    assert read_description(study).baseline_name == "tiny"
