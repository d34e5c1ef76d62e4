"""Tables of text as programs write them: delimiters, quotes, marks of byte order, forms of JSON; texts stay texts."""

import json
from pathlib import Path
from typing import Any

import pytest
from import_sources import clips, imported, lines_of, table, written

from raytrain.speech.imports.delimited import Delimited
from raytrain.speech.imports.json_table import JsonTable

MADE = clips(4)


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, Any]]:
    """Four rows whose sound lies in `wavs` beside where their table will be."""
    written(tmp_path / "wavs", MADE)
    return [{"path": f"wavs/{one.name}.flac", "text": one.text, "speaker": one.child} for one in MADE]


def texts(table: Path, to: Path, **named: str) -> list[tuple[str, str]]:
    """Child and text of each utterance."""
    imported(table, to, **named)
    return [(line["child_id"], line["orthographic_text"]) for line in lines_of(to)]


WANTED = [(one.child, one.text) for one in MADE]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"delimiter": ";", "encoding": "utf-8-sig", "lineterminator": "\r\n"},
        {"delimiter": "\t", "encoding": "utf-16"},
        {"delimiter": "|", "quoting": 1},
        {"delimiter": "\t", "quoting": 1},
    ],
    ids=["commas", "semicolons, mark, CRLF", "tabs, UTF-16", "bars, all quoted", "tabs, all quoted"],
)
def test_a_table_is_read_however_it_is_divided(how: dict[str, Any], rows: list[dict[str, Any]], tmp_path: Path) -> None:
    assert texts(table(tmp_path / "list.txt", rows, **how), tmp_path / "my") == WANTED


def test_quotes_hold_delimiters_and_line_ends(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    rows[1]["text"] = 'one, two\nand "three"'
    assert texts(table(tmp_path / "list.csv", rows), tmp_path / "my")[1] == ("001", 'one, two\nand "three"')


def test_a_sentence_that_begins_with_a_quote_ends_at_its_tab(tmp_path: Path) -> None:
    """As Common Voice writes them: a reader of quotes would take the next lines into the first sentence."""
    path = tmp_path / "validated.tsv"
    path.write_text('path\tsentence\tclient_id\na\t"Go," she said.\tx\nb\tand went "out"\ty\nc\t"no\tz\n')
    assert [row.values["sentence"] for row in Delimited(path).rows()] == ['"Go," she said.', 'and went "out"', '"no']


def test_a_row_of_another_length_is_listed_by_its_line_and_left_out(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    path = table(tmp_path / "list.csv", rows)
    path.write_text(path.read_text() + "wavs/clip001.flac,one,two,three\n")
    found = imported(path, tmp_path / "my", share=0.5)
    (problem,) = found.problems
    assert (problem.line, str(problem.kind)) == (6, "missing_field")
    assert (found.tally.usable, problem.message) == (4, "4 fields, and there are 3 columns")


def test_a_table_without_a_line_of_names_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("LJ001|the words|the words\n")
    with pytest.raises(ValueError, match="two columns are named 'the words'; its first line names the columns: "):
        imported(tmp_path / "metadata.csv", tmp_path / "my")


def test_a_quote_that_is_never_closed_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('path,text,speaker\na,"' + "x" * 200_000 + "\n")
    with pytest.raises(ValueError, match=r"list\.csv: line 1 or after it: field larger .*; is a quote never closed\?"):
        imported(path, tmp_path / "my")


def test_a_table_that_is_not_unicode_is_one_line_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes("path,text,speaker\na,schön,c\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"list\.csv: not UTF-8 .*; write it as UTF-8, say by `iconv -f WINDOWS-1252"):
        imported(tmp_path / "list.csv", tmp_path / "my")


def test_rows_are_given_as_they_are_read(tmp_path: Path) -> None:
    """By the line that each begins at; a file of any size is never held as a whole."""
    path = tmp_path / "list.csv"
    path.write_text("path,text,speaker\n" + "a.wav,hi,c\n" * 1_000)
    rows = Delimited(path).rows()
    assert [next(rows).number for _ in range(3)] == [2, 3, 4]


DOCUMENTS = {
    "an array": lambda rows: json.dumps(rows),
    "an array over many lines": lambda rows: json.dumps(rows, indent=1),
    "an array of one": lambda rows: json.dumps(rows[:1]) + "\n",
    "an object that holds an array": lambda rows: json.dumps({"version": 1, "data": rows}, indent=1),
    "objects by their ids": lambda rows: json.dumps({f"u{number}": row for number, row in enumerate(rows)}),
    "columns": lambda rows: json.dumps({key: [row[key] for row in rows] for key in rows[0]}),
    "a line each": lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
    "a line each, with marks": lambda rows: "".join("\ufeff" + json.dumps(row) + "\r\n" for row in rows) + "\ufeff",
    "one line": lambda rows: json.dumps(rows[0]),
}


@pytest.mark.parametrize("written_as", DOCUMENTS.values(), ids=DOCUMENTS)
def test_json_is_read_in_whatever_form_it_lists_utterances(
    written_as: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "list.json"
    path.write_text(written_as(rows), encoding="utf-8")
    found = texts(path, tmp_path / "my")
    assert found == WANTED[: len(found)]
    assert len(found) in (1, 4)


def test_the_key_of_an_object_of_objects_is_the_utterances_id(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps({f"u{number}": row for number, row in enumerate(rows)}))
    imported(tmp_path / "list.json", tmp_path / "my")
    assert [line["utterance_id"] for line in lines_of(tmp_path / "my")] == ["u0", "u1", "u2", "u3"]


def test_a_line_that_is_no_object_is_listed(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "list.jsonl").write_text(text + "{torn\n[1]\n")
    found = imported(tmp_path / "list.jsonl", tmp_path / "my", share=0.5)
    assert [(problem.line, str(problem.kind)) for problem in found.problems] == [(5, "bad_json"), (6, "bad_json")]


def test_numbers_for_children_are_texts_and_whole(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    """A column with gaps makes pandas write 7 as 7.0, and what is missing as NaN."""
    for row, speaker in zip(rows, (7, 7.0, "007", float("nan")), strict=True):
        row["speaker"] = speaker
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = imported(tmp_path / "list.jsonl", tmp_path / "my", share=0.5)
    assert [line["child_id"] for line in lines_of(tmp_path / "my")] == ["7", "7", "007"]
    assert [(problem.line, problem.message) for problem in found.problems] == [(4, "no speaker in speaker")]


def test_a_value_of_several_parts_is_no_childs_id(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    rows[2]["speaker"] = {"id": 3}
    (tmp_path / "list.json").write_text(json.dumps(rows))
    (problem,) = imported(tmp_path / "list.json", tmp_path / "my", share=0.5).problems
    assert (problem.line, problem.message) == (3, "speaker is wanted as one value; this is {'id': 3}")


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": 1}\n{', "[", "{", "[{]", "null", '"x"', "[]", "{}"])
def test_json_without_utterances_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(text)
    with pytest.raises(ValueError, match=r"list\.json") as refused:
        imported(tmp_path / "list.json", tmp_path / "my")
    assert "\n" not in str(refused.value)


def test_lines_are_told_from_a_document_by_their_first_two(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[\n{"a": 1}\n]')
    (tmp_path / "b.json").write_text('{"a": {"b": 1}}\n{"a": {"b": 2}}\n')
    assert (JsonTable(tmp_path / "a.json").name, JsonTable(tmp_path / "b.json").name) == ("JSON document", "JSON lines")
