"""What is shown of a study in a language that writes no spaces: a CER by name, and nowhere a WER."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from studies import made_study

from raytrain.config.baseline import Baseline
from raytrain.report.comparison import caveats, comparisons, read_run, rows
from raytrain.report.front import about_front, front_lines
from raytrain.report.pages import comparison_pages
from raytrain.report.table import trial_table
from raytrain.report.write import write_report
from raytrain.results.description import read_description
from raytrain.results.ledger import Ledger
from raytrain.results.study_results import StudyResults, load_study
from raytrain.tracking.content import study_run, study_summary, trial_run
from raytrain.tracking.published_study import trial_rows
from raytrain.tracking.tracked_run import TrackedRun
from raytrain.watch.words import trial_line


def chinese(config: Baseline) -> Baseline:
    return config.model_copy(update={"model": config.model.model_copy(update={"language": "Chinese"})})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    folder = made_study(tmp_path_factory.mktemp("results") / "2026-01-01_small_full", trials=8)
    description, records = read_description(folder), Ledger(folder).read()
    replace(description, baseline=chinese(description.baseline)).write(folder)
    lines = [replace(one, config=chinese(one.config), eval_cer=one.eval_wer).as_dict() for one in records]
    (folder / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_report(folder)
    return load_study(folder)


def of_words(text: str) -> list[str]:
    return re.findall(r"(?i)\bwers?\b|eval_wer|wer_by|word error", text)


def test_reports_say_cer_and_never_wer(study: StudyResults) -> None:
    for name in ("report.md", "report.html"):
        text = (study.folder / name).read_text()
        assert not of_words(text)
        assert "CER by age" in text or name == "report.md"
    text = (study.folder / "report.md").read_text()
    assert "- language: Chinese\n- scored by: CER: " in text
    assert re.search(r"\| CER \| 0\.\d+ \| 0\.\d+ \|", text)
    assert "| CER 5-7 |" in text


def test_the_terminal_says_cer(study: StudyResults) -> None:
    said = [
        *map(trial_line, study.records),
        *front_lines(study.records),
        about_front("CER"),
        *trial_table(study).headings,
    ]
    assert not of_words("\n".join(said))
    assert sum("CER" in line for line in said) > 10


def test_runs_side_by_side_say_cer_where_both_are_of_characters(study: StudyResults, tmp_path: Path) -> None:
    same = [read_run(study.folder)] * 2
    assert "lowest CER" in dict(rows(same))
    assert not of_words("".join(comparison_pages(same).values()))
    mixed = [same[0], read_run(made_study(tmp_path / "english", trials=3))]
    assert {"lowest error rate", "language"} <= dict(rows(mixed)).keys()
    assert not of_words("\n".join([*comparisons(mixed), *caveats(same)]))


class Kept:
    """A tracker that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    def open(self) -> None: ...

    def log(self, row: object, *, examples_seen: int) -> None:
        self.sent.append(row)

    def finish(self, outcome: str, summary: object) -> None:
        self.sent.append(summary)


def test_trackers_are_sent_a_cer(study: StudyResults, tmp_path: Path) -> None:
    kept, content = Kept(), study_run(study)
    assert content.rate == trial_run("s", "t", number=0, config=study.records[0].config).rate == "CER"
    run = TrackedRun([kept], position=tmp_path / "sent", rate=content.rate)  # type: ignore[list-item]
    run.log({**trial_rows(study)[0], "examples_seen": 3, "wer_by_age_bucket": {"5-7": 0.2}})
    run.finish("completed", study_summary(study))
    assert not of_words(str([list(sent) for sent in kept.sent]))
    assert "cer_by_age_bucket/5-7" in str(kept.sent)
    assert "baseline_eval_cer" in str(kept.sent)
