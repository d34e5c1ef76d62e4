"""What a study has spent, of a few trials whose times are known."""

import json
from pathlib import Path
from typing import Any

import pytest
from making import config, record
from studies import SPACE

from raytrain.report.figures.bought import best_against_hours
from raytrain.report.pages import study_pages
from raytrain.report.spent import spent_on, spent_rows, spent_sentence
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.results.study_results import StudyResults, load_study
from raytrain.tracking.content import study_summary


def studied(folder: Path, *trials: dict[str, Any], hours: float | None = None, **search: Any) -> StudyResults:
    space = SPACE.model_copy(update={"search": SPACE.search.model_copy(update=search)})
    Description(baseline_name="a", baseline=config(), space_name="b", space=space).write(folder)
    if hours is not None:
        tick = {"start": 1, "at": "2026-01-01T00:00:00+00:00", "ran_s": hours * 3600}
        (folder / "clock.jsonl").write_text(json.dumps(tick) + "\n")
    for number, fields in enumerate(trials):
        Ledger(folder).append(record(number, **fields))
    return load_study(folder)


HOUR = {"wall_s": 3600.0, "ended_at": "2026-01-01T01:00:00+00:00"}
NEXT = {"wall_s": 3600.0, "ended_at": "2026-01-01T02:00:00+00:00"}


def test_hours_are_parted_among_what_ran_at_once_and_add_up(tmp_path: Path) -> None:
    repeat = {**NEXT, "finalist_of": "trial-0000", "seed": 43}
    study = studied(tmp_path, HOUR, {**HOUR, "outcome": Outcome.PRUNED}, repeat, hours=3.0, price_per_hour=2.0)
    spent = spent_on(study)
    hours = {name: (trials, pytest.approx(hours)) for name, (trials, hours) in spent.by_outcome.items()}
    assert hours == {"completed": (1, 0.5), "pruned": (1, 0.5), "finalists again": (1, 1.0), "beside trials": (0, 1.0)}
    assert spent.money(spent.hours) == pytest.approx(6.0)
    assert spent_sentence(spent) == "3 h spent, which cost 6.00"
    assert {name: study_summary(study)[name] for name in ("hours", "money")} == {"hours": 3.0, "money": 6.0}


def test_without_a_price_no_money_is_told(tmp_path: Path) -> None:
    spent = spent_on(studied(tmp_path, HOUR, budget_hours=8.0))
    headings, rows = spent_rows(spent)
    assert headings == ["", "trials", "hours"]
    assert rows == [["completed", "1", "1.00"], ["beside trials", "", "0.00"], ["in all", "1", "1.00"]]
    assert spent_sentence(spent) == "1 h of 8 h spent"


def test_the_report_tells_what_the_hours_bought(tmp_path: Path) -> None:
    study = studied(tmp_path, {**HOUR, "eval_wer": 0.3}, {**NEXT, "eval_wer": 0.2}, price_per_hour=1.5)
    figure = best_against_hours(study)
    assert figure is not None
    assert figure.caption.endswith("The best was found after 100 % of the search's time.")
    pages = study_pages(study)
    assert "| completed | 2 | 2.00 | 3.00 |" in pages[".md"]
    assert "<h2>Hours spent</h2>" in pages[".html"]
    assert "WER against time spent" in pages[".html"]
