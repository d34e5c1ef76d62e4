"""Figures of a language that writes no spaces: named CER wherever they are kept, and read back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from making import config, record

from raytrain.results.ledger import Ledger
from raytrain.results.rates import as_read, as_written
from raytrain.results.records import TrialRecord
from raytrain.results.study_results import load_study
from raytrain.results.verdict import verdict

HISTORY = [{"step": 0, "examples_seen": 0, "eval_wer": 0.5, "eval_cer": 0.5}]
CHINESE = config().model_copy(update={"model": config().model.model_copy(update={"language": "zh"})})


def in_chinese(number: int, rate: float) -> TrialRecord:
    counts = {"substitutions": 2, "deletions": 0, "insertions": 0, "hits": 8}
    figures = {"best_eval_wer": rate, "wer_by_age_bucket": {"5-7": rate}, "history": HISTORY}
    return replace(
        record(number, config=CHINESE, eval_wer=rate),
        eval_cer=rate,
        word_errors=counts,
        character_errors=counts,
        **figures,
    )


def test_a_record_names_what_was_counted_and_no_word_error_rate(tmp_path: Path) -> None:
    Ledger(tmp_path).append(in_chinese(0, 0.2))
    text = (tmp_path / "trials.jsonl").read_text()
    kept = json.loads(text)
    assert (kept["eval_cer"], kept["best_eval_cer"], kept["cer_by_age_bucket"]) == (0.2, 0.2, {"5-7": 0.2})
    assert kept["history"] == [{"step": 0, "examples_seen": 0, "eval_cer": 0.5}]
    assert "wer" not in text
    assert "word_errors" not in text


def test_a_record_is_read_back_as_it_was(tmp_path: Path) -> None:
    Ledger(tmp_path).append(in_chinese(0, 0.2))
    assert Ledger(tmp_path).read() == [in_chinese(0, 0.2)]


def test_english_figures_keep_their_names_with_the_cer_beside_them(tmp_path: Path) -> None:
    trial = replace(record(0, eval_wer=0.2), eval_cer=0.1)
    Ledger(tmp_path).append(trial)
    kept = json.loads((tmp_path / "trials.jsonl").read_text())
    assert (kept["eval_wer"], kept["eval_cer"]) == (0.2, 0.1)
    assert Ledger(tmp_path).read() == [trial]


def test_names_come_and_go_with_the_rate() -> None:
    values = {"eval_wer": 0.2, "eval_cer": 0.2, "best_eval_wer": 0.1, "step": 3, "history": HISTORY}
    assert as_written(values, "WER") == values
    assert as_read(values) == values
    assert as_read(as_written(values, "CER")) == values


def test_the_verdict_says_which_rate_it_is_of(tmp_path: Path) -> None:
    said = verdict([in_chinese(0, 0.3), in_chinese(1, 0.2)], tmp_path).sentence
    assert "CER 0.200 against the baseline's 0.300" in said
    assert "WER" not in said


@pytest.mark.parametrize("version", ["version-1", "version-2"])
def test_studies_of_earlier_versions_open_with_no_cer(version: str) -> None:
    study = load_study(Path(__file__).parents[1] / "data" / "studies" / version)
    assert study.rate == "WER"
    assert {one.eval_cer for one in study.records} == {None}
    assert study.best is not None
    assert study.best.eval_wer is not None
