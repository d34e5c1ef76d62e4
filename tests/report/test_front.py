"""The Pareto front: who is on it, its table in both reports, and each of its trials as a file that can be trained."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import SPACE, made_study

from raytrain.config.reader import load_baseline
from raytrain.report.front import front_lines, front_table, write_front
from raytrain.report.next_steps import commands
from raytrain.report.write import write_report
from raytrain.results.choose import measures, undominated
from raytrain.results.description import read_description
from raytrain.results.records import Outcome
from raytrain.results.study_results import StudyResults, load_study

points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=20)


def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


@given(points)
def test_nobody_on_the_front_is_beaten_and_everybody_off_it_is_by_one_on_it(some: list[tuple[float, ...]]) -> None:
    front = [some[place] for place in undominated(some)]
    others = [point for place, point in enumerate(some) if place not in undominated(some)]
    assert not any(beats(one, other) for one in some for other in front)
    assert all(any(beats(one, other) for one in front) for other in others)


def test_equal_points_share_the_front() -> None:
    assert undominated([(1.0, 2.0), (1.0, 2.0), (2.0, 1.0), (2.0, 2.0)]) == [0, 1, 2]


@pytest.fixture(scope="module")
def pareto(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    folder = made_study(tmp_path_factory.mktemp("results") / "2026-01-01_small_full", trials=20)
    search = SPACE.search.model_copy(update={"objective": "pareto", "memory_limit_gib": None})
    space = SPACE.model_copy(update={"search": search})
    replace(read_description(folder), space=space).write(folder)
    return load_study(folder)


def test_the_front_of_a_study_goes_from_the_lowest_wer_to_the_cheapest(pareto: StudyResults) -> None:
    wers = [one.eval_wer or 9 for one in pareto.front]
    assert len(wers) > 2
    assert wers == sorted(wers)
    assert wers[0] == min(one.eval_wer or 9 for one in pareto.scored() if one.outcome is Outcome.COMPLETED)
    assert all(measures(one) is not None for one in pareto.front)
    assert {one.outcome for one in pareto.front} == {Outcome.COMPLETED}


def test_a_study_of_one_objective_has_no_front(tmp_path: Path) -> None:
    made_study(tmp_path, trials=5)
    assert write_report(tmp_path).front == []
    assert "## Pareto front" not in (tmp_path / "report.md").read_text()
    assert "<h2>Pareto front" not in (tmp_path / "report.html").read_text()


def test_both_reports_and_the_terminal_tell_every_trial_of_the_front(pareto: StudyResults) -> None:
    study = write_report(pareto.folder)
    table = front_table(study)
    assert [row[0].value for row in table.rows] == [one.number for one in study.front]
    assert len(front_lines(study.front)) == len(study.front)
    front_of_markdown = (study.folder / "report.md").read_text().partition("## Pareto front")[2].partition("## ")[0]
    assert front_of_markdown.count("front/trial-") == len(study.front)
    front_of_page = (
        (study.folder / "report.html").read_text().partition("<h2>Pareto front")[2].partition("</section>")[0]
    )
    assert front_of_page.count("front/trial-") == len(study.front)
    assert "Train with another trial of the front" in dict(commands(study))


def test_a_report_leaves_the_files_that_it_names_whether_or_not_the_study_came_to_its_end(pareto: StudyResults) -> None:
    study = write_report(pareto.folder)
    assert study.best is not None
    assert load_baseline(str(study.folder / "best.yaml")) == study.best.config
    left = sorted(path.stem for path in (study.folder / "front").iterdir())
    assert left == sorted(one.trial_id for one in study.front)


def test_each_of_its_trials_can_be_trained_and_what_left_the_front_is_gone(tmp_path: Path) -> None:
    folder = made_study(tmp_path / "study", trials=20)
    baseline = load_baseline("small")
    ended = [replace(one, config=baseline) for one in load_study(folder).records[:3]]
    write_front(folder, ended[:2])
    write_front(folder, ended[1:])
    left = sorted((folder / "front").iterdir())
    assert [path.stem for path in left] == [one.trial_id for one in ended[1:]]
    assert [load_baseline(str(path)) for path in left] == [baseline] * 2
