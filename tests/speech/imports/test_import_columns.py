"""Columns are found by what they hold and by the field's usual names, and who speaks is never made up."""

from pathlib import Path

import pytest
from import_sources import clips, imported, lines_of, table, without_speakers, written

from raytrain.errors import InputError
from raytrain.speech.imports.columns import ROLES, chosen_columns
from raytrain.speech.imports.kinds import open_source
from raytrain.speech.imports.plan import planned
from raytrain.speech.imports.source import Columns

MADE = clips(4)


def chosen(*names: str, sound: str = "", **named: str) -> dict[str, str]:
    columns = Columns(names, frozenset({sound} - {""}))
    return {role: found.column for role, found in chosen_columns(columns, named, place="x.csv").items()}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("client_id|path|sentence|up_votes|age", "path|sentence|client_id|age"),
        ("file_name|transcription|speaker", "file_name|transcription|speaker"),
        ("audio_filepath|duration|text|speaker_id", "audio_filepath|text|speaker_id"),
        ("Wav_Path|Transcript|Child ID|Session", "Wav_Path|Transcript|Child ID|Session"),
        ("id|file|text|speaker_id|chapter_id", "file|text|speaker_id|chapter_id|id"),
    ],
    ids=["Common Voice", "audiofolder", "NeMo", "by hand", "LibriSpeech"],
)
def test_columns_are_found_by_their_usual_names(names: str, found: str) -> None:
    """Sound, text, speaker, age, session and id, those that there are."""
    roles = chosen(*names.split("|"))
    assert [roles[role] for role in ROLES if role in roles] == found.split("|")


def test_sound_itself_goes_before_a_path_beside_it() -> None:
    assert chosen("path", "clip_bytes", "sentence", "client_id", sound="clip_bytes")["audio"] == "clip_bytes"


def test_what_is_named_is_never_guessed_over_or_taken_twice() -> None:
    found = chosen("path", "sentence", "text", "client_id", "speaker", text="text", speaker="client_id")
    assert (found["text"], found["speaker"]) == ("text", "client_id")


@pytest.mark.parametrize(
    ("names", "named", "told"),
    [
        ("path text", {}, "x.csv: no column says who speaks, .*; name it, `--speaker COLUMN`, of path, text; or take "
         "each utterance for a speaker of its own, `--each-its-own-speaker`"),
        ("path speaker", {}, "x.csv: no column is known for transcripts; name it, `--text COLUMN`, of path, speaker"),
        ("text speaker", {}, "x.csv: no column is known for sound; name it, `--audio COLUMN`, of text, speaker"),
        ("path text", {"speaker": "who"}, "--speaker who: x.csv has no such column; there are path, text"),
    ],
)  # fmt: skip
def test_what_is_not_found_is_refused_with_the_way_out(names: str, named: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        chosen(*names.split(), **named)


def test_speakers_of_their_own_are_marked_in_every_line(tmp_path: Path) -> None:
    imported(without_speakers(tmp_path / "a.parquet", MADE), tmp_path / "my", each_its_own_speaker="yes")
    assert {(line["child_id"], line["child_is_known"]) for line in lines_of(tmp_path / "my")} == {
        (one.name, False) for one in MADE
    }


def test_a_known_speaker_and_speakers_of_their_own_exclude_each_other() -> None:
    with pytest.raises(InputError, match="with --speaker the speakers are known"):
        chosen_columns(Columns(("path", "text")), {"speaker": "text"}, place="x", each_its_own_speaker=True)


def test_a_column_that_repeats_itself_is_not_taken_for_ids(tmp_path: Path) -> None:
    written(tmp_path, MADE)
    rows = [{"path": f"{one.name}.flac", "text": one.text, "speaker": "c", "id": "7"} for one in MADE]
    plan = planned(open_source(str(table(tmp_path / "list.csv", rows))), {})
    assert "id" not in plan.roles
    imported(tmp_path / "list.csv", tmp_path / "my")
    assert [line["utterance_id"] for line in lines_of(tmp_path / "my")] == [one.name for one in MADE]


def test_an_id_that_was_named_and_repeats_itself_is_listed(tmp_path: Path) -> None:
    written(tmp_path, MADE)
    rows = [{"path": f"{one.name}.flac", "text": one.text, "speaker": "c", "id": "7"} for one in MADE]
    table(tmp_path / "list.csv", rows)
    found = imported(tmp_path / "list.csv", tmp_path / "my", share=0.9, id="id")
    assert str(found.problems[0]) == "line 3: 7: duplicate_id: first seen at line 2"


def test_everything_is_shown_before_anything_is_written(tmp_path: Path) -> None:
    written(tmp_path, MADE)
    rows = [{"path": f"{one.name}.flac", "text": one.text, "speaker": one.child, "age": "teens"} for one in MADE]
    lines = list(planned(open_source(str(table(tmp_path / "list.csv", rows))), {"text": "text"}).lines())
    assert lines[0] == f"{tmp_path}/list.csv: CSV; 4 rows"
    assert [line.strip() for line in lines[1:8]] == [
        "audio    path (by its name)",
        "text     text (named by you)",
        "speaker  speaker (by its name)",
        "age      age (by its name)",
        "session  none",
        "id       the sound file's name, else the row's number",
        "sound    referred to, files in the source's folder",
    ]
    assert "years 3 and 4 are 3-4" in lines[8]
    assert lines[9].endswith("'teens' is 12+")
