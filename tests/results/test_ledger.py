"""The ledger loses nothing, repeats nothing and has one writer."""

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from making import record

from raytrain.errors import InputError
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    written = [record(0, eval_wer=0.2), record(1, outcome=Outcome.DIVERGED, reason="loss is nan", sample={"a.b": 1e-5})]
    ledger = Ledger(tmp_path)
    assert [ledger.append(one) for one in written] == [True, True]
    assert Ledger(tmp_path).read() == written


def test_a_study_without_trials_has_an_empty_ledger(tmp_path: Path) -> None:
    assert Ledger(tmp_path).read() == []


def test_a_trial_told_twice_is_written_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.append(record(0, eval_wer=0.2))
    assert not ledger.append(record(0, eval_wer=0.3))
    assert [one.eval_wer for one in ledger.read()] == [0.2]


def test_a_line_begins_with_which_trial_it_is(tmp_path: Path) -> None:
    Ledger(tmp_path).append(record(0))
    assert (tmp_path / "trials.jsonl").read_text().startswith('{"trial_id": "t000", "number": 0, "sample": ')


def test_nan_is_written_as_null(tmp_path: Path) -> None:
    Ledger(tmp_path).append(record(0, eval_wer=math.nan, history=[{"train_loss": math.inf}]))
    line = (tmp_path / "trials.jsonl").read_text()
    assert "NaN" not in line
    assert "Infinity" not in line
    assert json.loads(line)["eval_wer"] is None
    assert json.loads(line)["history"] == [{"train_loss": None}]


@pytest.mark.parametrize("kept_bytes", [1, 2, 40, 400, -1])
def test_a_line_cut_by_a_kill_is_left_out_and_taken_away_by_the_next_append(
    tmp_path: Path, kept_bytes: int, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, path = Ledger(tmp_path), tmp_path / "trials.jsonl"
    ledger.append(record(0))
    whole = path.read_bytes()
    path.write_bytes(whole + (json.dumps(record(1).as_dict()) + "\n").encode()[:kept_bytes])
    assert [one.number for one in ledger.read()] == [0]
    ledger.append(record(2))
    assert [one.number for one in ledger.read()] == [0, 2]
    assert path.read_bytes().startswith(whole)
    assert "cut short" in caplog.text


def test_a_spoiled_line_in_the_middle_is_named(tmp_path: Path) -> None:
    (tmp_path / "trials.jsonl").write_text(
        json.dumps(record(0).as_dict()) + "\n{oops\n" + json.dumps(record(2).as_dict()) + "\n"
    )
    with pytest.raises(InputError, match=r"trials\.jsonl:2: not JSON"):
        Ledger(tmp_path).read()


def test_a_record_of_a_newer_version_is_named_and_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_text(json.dumps({**json.loads(json.dumps(record(0).as_dict())), "mood": "good"}) + "\n")
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"trials\.jsonl:1: unknown fields mood: written by a newer raytrain"):
        Ledger(tmp_path).append(record(1))
    assert path.read_bytes() == before


def test_a_record_with_a_field_missing_is_named(tmp_path: Path) -> None:
    fields = json.loads(json.dumps(record(0).as_dict()))
    del fields["number"]
    (tmp_path / "trials.jsonl").write_text(json.dumps(fields) + "\n")
    with pytest.raises(InputError, match=r"trials\.jsonl:1: not a trial record: number: missing"):
        Ledger(tmp_path).read()


HOLDS_THE_LEDGER = """
import sys, time
from pathlib import Path
from raytrain.results.ledger import Ledger
with Ledger(Path(sys.argv[1])).held():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_told_who_has_the_study(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDS_THE_LEDGER, str(tmp_path)], stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(InputError, match=rf"in use by process {holder.pid} on .*; wait until"):
            Ledger(tmp_path).append(record(0))
        holder.send_signal(signal.SIGKILL)
    assert Ledger(tmp_path).append(record(0))


def test_holding_twice_in_one_process_is_one_hold(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.held(), ledger.held():
        assert ledger.append(record(0))
        assert f"process {os.getpid()}" in (tmp_path / "study.lock").read_text()


def test_the_ledger_is_a_line_of_json_a_trial_whatever_the_text(tmp_path: Path) -> None:
    awkward = replace(record(0), reason="first line\nsecond \u2028 line, “quoted”")
    Ledger(tmp_path).append(awkward)
    assert (tmp_path / "trials.jsonl").read_bytes().count(b"\n") == 1
    assert Ledger(tmp_path).read() == [awkward]
