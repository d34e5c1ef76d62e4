"""A trial's record and a run's row: what they become as plain values, and what older and newer files become of them."""

import json
import math

import pytest
from making import record

from raytrain.errors import InputError
from raytrain.results.rates import as_written
from raytrain.results.records import Outcome, Row, TrialRecord


def test_a_row_is_plain_values_without_nan() -> None:
    plain = Row(step=3, train_loss=math.nan, outcome=Outcome.DIVERGED).as_dict()
    assert (plain["step"], plain["train_loss"], plain["outcome"]) == (3, None, "diverged")
    assert type(plain["outcome"]) is str  # a file or a process that knows no Outcome can read it
    assert Row().as_dict()["outcome"] is None


def test_a_row_comes_back_from_its_plain_values() -> None:
    row = Row(step=3, eval_wer=0.2, finished=True, outcome=Outcome.OUT_OF_MEMORY, reason="no room")
    again = Row().updated(row.as_dict())
    assert again == row
    assert again.outcome is Outcome.OUT_OF_MEMORY


def test_wer_by_manifest_is_written_down_where_there_are_several_and_nowhere_else() -> None:
    several = {"wer_by_source": {"home": 0.2, "school": 0.3}}
    for plain in (Row().as_dict(), record(0).as_dict()):
        assert "wer_by_source" not in plain
    row, ended = Row(**several), record(0, **several)
    assert Row().updated(row.as_dict()) == row
    assert TrialRecord.from_dict(json.loads(json.dumps(ended.as_dict())), "trials.jsonl:1") == ended
    assert as_written(ended.as_dict(), "CER")["cer_by_source"] == several["wer_by_source"]


def test_of_what_tune_adds_to_a_row_nothing_is_taken_and_what_is_not_said_stays() -> None:
    assert Row(step=3, eval_wer=0.2).updated({"step": 4, "pid": 17, "config": {}}) == Row(step=4, eval_wer=0.2)


def test_a_ledger_of_version_1_has_its_share_of_a_card_under_the_name_of_today() -> None:
    values = record(0, gpu_share_gib=6.0).as_dict()
    values["gpu_memory_gib"] = values.pop("gpu_share_gib")
    assert TrialRecord.from_dict(values, "trials.jsonl:1").gpu_share_gib == 6.0


def test_a_setting_that_is_not_known_any_more_is_left_out_of_an_old_record() -> None:
    values = json.loads(json.dumps(record(0).as_dict()))
    values["config"]["training"]["mood"] = "good"
    assert TrialRecord.from_dict(values, "trials.jsonl:1") == record(0)


def test_all_unknown_fields_of_a_record_are_named_by_the_alphabet() -> None:
    with pytest.raises(InputError, match=r"^trials.jsonl:1: unknown fields mood, weather: "):
        TrialRecord.from_dict({**record(0).as_dict(), "weather": "wet", "mood": "good"}, "trials.jsonl:1")
