"""utterances.jsonl: the counts of a training, in an order that pairs two trainings up."""

import json
from pathlib import Path
from typing import Any

import pytest
from making import utterances

from raytrain.errors import InputError
from raytrain.results.transcripts import counts, read_counts, read_rows, transcripts_path
from raytrain.results.word_errors import WordErrors

ROWS = [
    {"utterance_id": "u2", "child_id": "ben", "substitutions": 1, "deletions": 2, "insertions": 4, "hits": 8},
    {"utterance_id": "u1", "child_id": "anna", "substitutions": 0, "deletions": 0, "insertions": 1, "hits": 3},
]


def written(path: Path, rows: list[dict[str, Any]], *, text: str = "wörds") -> Path:
    path.write_text(
        "".join(
            json.dumps(
                row | {"reference": text, "hypothesis": "", "age_bucket": "3-4", "duration_s": 1}, ensure_ascii=False
            )
            + "\n"
            for row in rows
        ),
        "utf-8",
    )
    return path


def test_counts_come_in_the_order_of_the_utterances_names(tmp_path: Path) -> None:
    found = read_counts(written(tmp_path / "utterances.jsonl", ROWS))
    assert found is not None
    assert (found.utterance_ids.tolist(), found.child_ids.tolist()) == (["u1", "u2"], ["anna", "ben"])
    assert found.edits.tolist() == [1, 7]
    assert found.words.tolist() == [3, 11]  # an inserted word is none of the reference's


def test_names_that_are_numbers_are_names(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "utterance_id": name} for name in ("10", "9", "1")]
    found = read_counts(written(tmp_path / "utterances.jsonl", rows))
    assert found is not None
    assert found.utterance_ids.tolist() == ["1", "10", "9"]


def test_names_that_look_like_dates_are_names_and_nothing_else_of_a_row_is_looked_at(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "child_id": "2026-01-01", "note": 1}, {**ROWS[1], "child_id": "2026-01-02", "note": ["x"]}]
    found = read_counts(written(tmp_path / "utterances.jsonl", rows))
    assert found is not None
    assert found.child_ids.tolist() == ["2026-01-02", "2026-01-01"]


def test_no_file_and_an_empty_one_hold_no_counts_and_a_folder_is_named(tmp_path: Path) -> None:
    assert read_counts(tmp_path / "none.jsonl") is None
    (tmp_path / "empty.jsonl").touch()
    assert read_counts(tmp_path / "empty.jsonl") is None
    with pytest.raises(InputError, match="a folder, in the place of a file"):
        read_counts(tmp_path)


def test_rows_are_read_whole(tmp_path: Path) -> None:
    rows = utterances(tmp_path, 3, wer=0.5, children=2)
    assert list(read_rows(transcripts_path(tmp_path, 3))) == rows
    assert list(read_rows(tmp_path / "none.jsonl")) == []


def test_a_spoiled_row_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "utterances.jsonl", ROWS)
    path.write_text(path.read_text("utf-8") + "{oops\n", "utf-8")
    rows = read_rows(path)
    assert next(rows)["reference"] == "wörds"
    with pytest.raises(
        InputError, match=r"utterances\.jsonl:3: not JSON \(.*\); restore the line from a copy, or take it"
    ):
        list(rows)


def test_a_row_has_its_counts() -> None:
    assert counts(ROWS[0]) == WordErrors(substitutions=1, deletions=2, insertions=4, hits=8)


def test_an_utterance_on_two_lines_would_count_twice_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="an utterance_id stands on two lines"):
        read_counts(written(tmp_path / "utterances.jsonl", [ROWS[0], ROWS[1], ROWS[0]]))


@pytest.mark.parametrize("changed", [{"hits": 9}, {"child_id": "cara"}, {"utterance_id": "u3"}])
def test_trainings_pair_up_where_utterances_children_and_words_are_the_same(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    one = read_counts(written(tmp_path / "one.jsonl", ROWS))
    same = read_counts(written(tmp_path / "same.jsonl", ROWS[::-1]))
    other = read_counts(written(tmp_path / "other.jsonl", [ROWS[0] | changed, ROWS[1]]))
    assert one is not None
    assert same is not None
    assert other is not None
    assert (one.pairs_with(same), one.pairs_with(other)) == (True, False)
