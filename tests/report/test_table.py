"""The table of trials: which cells, which marks, and how wide."""

from pathlib import Path

from making import config, record

from raytrain.report.table import print_trials, trial_table
from raytrain.results.description import Description
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import StudyResults
from raytrain.results.verdict import Finding, Verdict

BASELINE = record(
    0, eval_wer=0.2, wer_by_age_bucket={"5-7": 0.25, "3-4": 0.4}, peak_memory_resident_gib=3.0, train_examples_per_s=2.5
)
BEST = record(2, eval_wer=0.15, config=config(8, 5, 1.6e-5), effective_batch_size=40, peak_memory_reserved_gib=6.125)
LOST = record(1, outcome=Outcome.OUT_OF_MEMORY, config=config(48, 2), effective_batch_size=96)


def study(*records: TrialRecord) -> StudyResults:
    verdict = Verdict(finding=Finding.BETTER, sentence="", best=BEST, baseline=BASELINE)
    return StudyResults(Path(), Description(baseline_name="small", baseline=config()), list(records), verdict)


def test_the_table_has_a_row_a_trial_and_marks_baseline_and_best() -> None:
    table = trial_table(study(BASELINE, LOST, BEST))
    assert table.headings == [
        "trial", "WER", "batch × accumulation = effective", "learning rate", "WER 3-4", "WER 5-7", "peak memory GiB",
        "clips/s", "outcome",
    ]  # fmt: skip
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["0 (baseline)", "0.200", "12 × 3 = 36", "1e-5", "0.400", "0.250", "3.00", "2.5", "completed"],
        ["1", "–", "48 × 2 = 96", "1e-5", "–", "–", "–", "–", "out_of_memory"],
        ["2 (best)", "0.150", "8 × 5 = 40", "1.6e-5", "–", "–", "6.12", "–", "completed"],
    ]
    assert table.marks == ["baseline", "", "best"]


def test_a_narrow_terminal_goes_without_the_age_columns_and_cuts_no_cell(monkeypatch, capsys) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    print_trials(study(BASELINE, LOST, BEST))
    narrow = capsys.readouterr().out
    assert "out_of_memory" in narrow
    assert "0 (baseline)" in narrow
    assert "3-4" not in narrow


def test_a_file_gets_all_columns(capsys) -> None:
    print_trials(study(BASELINE, LOST, BEST))
    assert "3-4" in capsys.readouterr().out


def test_an_inherited_trial_names_the_one_it_has_its_wer_from() -> None:
    table = trial_table(study(BASELINE, record(1, eval_wer=0.2, inherited_from="t000")))
    assert table.rows[1][-1].text == "completed, as t000"
