"""A study's clock: it runs while the study does, over all its starts."""

import json
from pathlib import Path

import pytest
from ended_trials import record
from histories import TINY

from raytrain.errors import InputError
from raytrain.results.clock import FILE_NAME, Clock, ran_s, stretches
from raytrain.results.records import Outcome


def ticks(folder: Path, *rows: tuple[int, float]) -> None:
    lines = [{"start": start, "at": "2026-01-01T00:00:00+00:00", "ran_s": seconds} for start, seconds in rows]
    (folder / FILE_NAME).write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_the_time_of_every_start_counts_once(tmp_path: Path) -> None:
    ticks(tmp_path, (1, 0.0), (1, 30.0), (1, 60.0), (2, 0.0), (2, 5.0))
    assert ran_s(tmp_path, []) == 65.0


def test_a_start_goes_on_from_the_time_before_and_is_written_down(tmp_path: Path) -> None:
    ticks(tmp_path, (1, 100.0))
    clock = Clock(tmp_path)
    with clock.running():
        assert 100.0 <= clock.ran_s < 101.0
    assert 100.0 <= Clock(tmp_path).ran_s < 101.0
    assert len(clock.starts()) == 2


def test_whatever_ends_a_start_its_time_is_kept(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Clock(tmp_path).running():
        raise KeyboardInterrupt
    assert len((tmp_path / FILE_NAME).read_text().splitlines()) == 2


def test_a_study_without_a_clock_ran_while_its_trials_did(tmp_path: Path) -> None:
    """From 0:00 to 0:01 a trial and its like, and one that began half a minute later."""
    late = record(2, TINY, ended_at="2026-01-01T00:01:30+00:00")
    unstarted = record(3, TINY, outcome=Outcome.NOT_STARTED, wall_s=0.0)
    records = [record(0, TINY), record(1, TINY), late, unstarted]
    assert ran_s(tmp_path, records) == 90.0
    assert [len(ran) for _, _, ran in stretches(records)] == [2, 3, 1]


def test_a_damaged_clock_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"start": 0, "at": "noon", "ran_s": -1}\n')
    with pytest.raises(InputError, match=r"clock\.jsonl:1: not a line of a study's clock"):
        _ = Clock(tmp_path).ran_s
