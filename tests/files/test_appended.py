"""Appended lines: nothing lost, nothing parsed twice, and a spoiled line named."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from raytrain.errors import InputError
from raytrain.files import AppendedLines


def lines_at(path: Path) -> AppendedLines[tuple[str, dict[str, Any]]]:
    return AppendedLines(path, parse=lambda values, place: (place, values))


def test_rows_come_back_in_order_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = lines_at(path)
    lines.append({"number": 0})
    lines.append({"number": 1, "said": "two\nlines, “quoted” \u2028"})
    expected = [(f"{path}:1", {"number": 0}), (f"{path}:2", {"number": 1, "said": "two\nlines, “quoted” \u2028"})]
    assert lines.read() == expected == lines_at(path).read()
    assert path.read_bytes().count(b"\n") == 2


def test_several_lines_are_added_at_once_after_what_a_kill_left_is_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "heard.jsonl"
    lines_at(path).append({"number": 0})
    path.write_bytes(path.read_bytes() + b'{"numb')
    lines_at(path).extend({"number": number} for number in (1, 2))
    assert [values["number"] for _, values in lines_at(path).read()] == [0, 1, 2]


def test_a_file_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert lines_at(tmp_path / "events.jsonl").read() == []


def test_each_line_is_parsed_once(tmp_path: Path) -> None:
    parsed = []
    lines = AppendedLines(tmp_path / "events.jsonl", parse=lambda values, place: parsed.append(values["number"]))
    for number in range(3):
        lines.append({"number": number})
        lines.read()
    assert parsed == [0, 1, 2]


def test_what_another_process_appended_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    ours, theirs = lines_at(path), lines_at(path)
    ours.append({"number": 0})
    theirs.append({"number": 1})
    ours.append({"number": 2})
    assert [values["number"] for _, values in ours.read()] == [0, 1, 2]


def test_a_number_that_is_not_finite_is_written_as_null(tmp_path: Path) -> None:
    lines = lines_at(tmp_path / "events.jsonl")
    lines.append({"loss": float("nan"), "rows": [{"wer": float("inf")}]})
    assert json.loads(lines.path.read_text()) == {"loss": None, "rows": [{"wer": None}]}


def test_a_line_is_on_disk_when_the_call_returns_and_so_is_the_name_of_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").readlink().name))
    lines = lines_at(tmp_path / "events.jsonl")
    lines.append({"number": 0})
    assert synced == ["events.jsonl", tmp_path.name]
    lines.append({"number": 1})
    assert synced[2:] == ["events.jsonl"]


def test_an_unfinished_last_line_is_left_out_and_taken_away_by_the_next_append(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "events.jsonl"
    lines = lines_at(path)
    lines.append({"number": 0})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"number": 1')
    assert [values["number"] for _, values in lines.read()] == [0]
    lines.append({"number": 2})
    assert path.read_bytes() == whole + b'{"number": 2}\n'
    assert caplog.messages == [f"{path}: the last line was cut short by a kill; it is taken out"]


@pytest.mark.parametrize(
    ("spoiled", "fact"), [("{oops", r"not JSON \(.*\)"), ("[1]", "not a JSON object"), ("", r"not JSON \(.*\)")]
)
def test_a_spoiled_line_is_named_every_time(tmp_path: Path, spoiled: str, fact: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f'{{"number": 0}}\n{spoiled}\n{{"number": 2}}\n')
    lines = lines_at(path)
    with pytest.raises(InputError, match=rf"events\.jsonl:2: {fact}; restore the line from a copy, or take it out"):
        lines.read()
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"events\.jsonl:2"):
        lines.append({"number": 3})
    assert path.read_bytes() == before


def test_a_file_that_shrank_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = lines_at(path)
    lines.append({"number": 10})
    lines.append({"number": 11})
    path.write_bytes(b'{"number": 5}\n')
    assert lines.read() == [(f"{path}:1", {"number": 5})]


def test_a_file_that_was_replaced_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = lines_at(path)
    lines.append({"number": 1})
    assert len(lines.read()) == 1
    (tmp_path / "mended").write_bytes(b'{"number": 5}\n{"number": 6}\n')
    (tmp_path / "mended").replace(path)
    assert [values["number"] for _, values in lines.read()] == [5, 6]


def test_a_folder_in_the_place_of_the_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder, in the place of a file; remove it"):
        lines_at(tmp_path).read()


def test_who_reads_on_from_a_mark_is_given_what_was_added_and_of_another_file_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = AppendedLines(path, parse=lambda values, place: values["number"])
    lines.append({"number": 0})
    found, mark = lines.read_on()
    lines_at(path).append({"number": 1})
    added, further = lines.read_on(mark)
    assert (found, added, further.goes_on_from(mark)) == ([0], [1], True)
    path.write_text('{"number": 7}\n')
    anew, last = lines.read_on(further)
    assert (anew, last.goes_on_from(further)) == ([7], False)


def test_threads_that_read_while_another_appends_see_each_row_once(tmp_path: Path) -> None:
    lines = AppendedLines(tmp_path / "events.jsonl", parse=lambda values, place: values["number"])
    with ThreadPoolExecutor(4) as pool:
        seen = [pool.submit(lambda: [lines.read() for _ in range(50)]) for _ in range(3)]
        for number in range(100):
            lines.append({"number": number})
        read = [rows for one in seen for rows in one.result()]
    assert all(rows == list(range(len(rows))) for rows in [*read, lines.read()])
    assert len(lines.read()) == 100
