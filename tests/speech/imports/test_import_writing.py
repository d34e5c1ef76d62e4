"""An import is whole, or gone on with; two sources never meet in one folder; what is wrong is listed and left out."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from import_sources import (
    SOURCES,
    audiofolder_csv,
    clips,
    common_voice,
    imported,
    json_lines,
    kaldi,
    lines_of,
    parquet,
    table,
    without_speakers,
    written,
)

from raytrain.errors import InputError
from raytrain.speech.check import check
from raytrain.speech.corpus import prepare
from raytrain.speech.imports import write as writing
from raytrain.speech.imports.kinds import open_source
from raytrain.speech.imports.plan import planned
from raytrain.speech.imports.write import TooManyBad, write

MADE = clips(20)


class Stopped(Exception):
    """Stands for a kill, at some row."""


def stopping_at(row: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= row:
            raise Stopped

    return progress


def files(folder: Path) -> dict[str, bytes]:
    """What a person has of an import: its manifest and sound."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in (".flac", ".jsonl")
    }


@pytest.mark.parametrize("form", ["Parquet with bytes", "Kaldi with segments", "Common Voice TSV"])
def test_an_import_that_was_stopped_anywhere_goes_on_to_the_same_files(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_PART_ROWS", 3)
    source = SOURCES[form](tmp_path / "source", MADE)
    imported(source, tmp_path / "straight")
    plan = planned(open_source(str(source)), {})
    for row in (1, 4, 10, 13, 20):
        with pytest.raises(Stopped):
            write(plan, tmp_path / "stopped", progress=stopping_at(row))
        assert not (tmp_path / "stopped" / "manifest.jsonl").exists()
    assert write(plan, tmp_path / "stopped").tally.usable == 20
    assert files(tmp_path / "stopped") == files(tmp_path / "straight")


def test_ids_that_were_seen_before_a_stop_are_known_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_PART_ROWS", 4)
    written(tmp_path, MADE)
    rows = [{"utt": one.name, "path": f"{one.name}.flac", "text": one.text, "speaker": one.child} for one in MADE]
    rows[19]["utt"] = "clip000"
    plan = planned(open_source(str(table(tmp_path / "list.csv", rows))), {"id": "utt"})
    with pytest.raises(Stopped):
        write(plan, tmp_path / "my", progress=stopping_at(10))
    (problem,) = write(plan, tmp_path / "my", max_bad_share=0.1).problems
    assert (problem.line, problem.message) == (21, "first seen at line 2")


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_PART_ROWS", 4)
    plan = planned(open_source(str(parquet(tmp_path / "source", MADE))), {})
    with pytest.raises(Stopped):
        write(plan, tmp_path / "my", progress=stopping_at(10))
    done = {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "my" / "audio").rglob("*.flac"))[:8]}
    seen: list[int] = []
    write(plan, tmp_path / "my", progress=lambda done, total: seen.append(done))
    assert seen[0] == 8
    assert {path: path.stat().st_mtime_ns for path in done} == done


def test_a_second_call_finds_it_whole_and_says_the_same(tmp_path: Path) -> None:
    source = common_voice(tmp_path / "de", MADE)
    first, second = (imported(source, tmp_path / "my") for _ in range(2))
    assert (first.was_whole, second.was_whole) == (False, True)
    assert first.as_dict() == second.as_dict()


def test_a_manifest_that_was_removed_is_made_again(tmp_path: Path) -> None:
    source = json_lines(tmp_path / "source", MADE)
    imported(source, tmp_path / "my")
    before = files(tmp_path / "my")
    (tmp_path / "my" / "manifest.jsonl").unlink()
    imported(source, tmp_path / "my")
    assert files(tmp_path / "my") == before


def test_two_sources_never_meet_in_one_folder(tmp_path: Path) -> None:
    imported(common_voice(tmp_path / "de", MADE), tmp_path / "my")
    before = files(tmp_path / "my")
    with pytest.raises(InputError, match=r"holds the import of .*/de, split validated; name another folder"):
        imported(tmp_path / "de", tmp_path / "my", split="dev")
    with pytest.raises(InputError, match="holds the import of"):
        imported(kaldi(tmp_path / "train", MADE), tmp_path / "my")
    with pytest.raises(InputError, match="was imported by other columns"):
        imported(tmp_path / "de", tmp_path / "my", session="locale")
    assert files(tmp_path / "my") == before


def test_a_folder_with_other_files_is_not_written_to(tmp_path: Path) -> None:
    source = common_voice(tmp_path / "de", MADE)
    with pytest.raises(InputError, match="holds other files; name a new or an empty folder"):
        imported(source, source)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file; name a folder"):
        imported(source, tmp_path / "file")


def test_a_source_that_changed_is_never_joined_to_what_was_imported_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_PART_ROWS", 4)
    source = json_lines(tmp_path / "source", MADE)
    with pytest.raises(Stopped):
        write(planned(open_source(str(source)), {}), tmp_path / "my", progress=stopping_at(10))
    source.write_text(source.read_text().replace("the dog", "a cat"))
    imported(source, tmp_path / "my")
    assert lines_of(tmp_path / "my")[0]["orthographic_text"] == "a cat runs 0"
    source.write_text(source.read_text().replace("a cat", "the dog"))
    with pytest.raises(InputError, match=r"was imported before .* changed; remove it to import anew"):
        imported(source, tmp_path / "my")


def test_bad_rows_are_listed_and_left_out_within_the_share(tmp_path: Path) -> None:
    source = common_voice(tmp_path / "de", MADE)
    (source / "clips" / "clip004.flac").write_bytes(b"fLaC and no more")
    (source / "clips" / "clip009.flac").unlink()
    text = (source / "validated.tsv").read_text()
    (source / "validated.tsv").write_text(text.replace("I said no 1\t", "\t"))
    found = imported(source, tmp_path / "my", share=0.2)
    assert [(problem.line, str(problem.kind)) for problem in found.problems] == [
        (3, "empty_transcript"), (6, "undecodable"), (11, "missing_file")
    ]  # fmt: skip
    assert len(lines_of(tmp_path / "my")) == found.tally.usable == 17


def test_over_the_share_nothing_is_left_and_mended_rows_are_read_anew(tmp_path: Path) -> None:
    source = common_voice(tmp_path / "de", MADE)
    clip = source / "clips" / "clip009.flac"
    held = clip.read_bytes()
    clip.unlink()
    with pytest.raises(
        TooManyBad, match=r"1 of 20 rows are unusable \(5\.0% is over 2\.0%\): 1 missing_file\. First: "
    ):
        imported(source, tmp_path / "my")
    assert not (tmp_path / "my" / "manifest.jsonl").exists()
    clip.write_bytes(held)
    assert imported(source, tmp_path / "my").tally.usable == 20


def test_a_table_of_no_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,text,speaker\n")
    with pytest.raises(InputError, match="holds no rows"):
        imported(tmp_path / "list.csv", tmp_path / "my")


def test_what_was_imported_is_what_check_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From whatever folder it is looked at."""
    imported(audiofolder_csv(tmp_path / "source", MADE), tmp_path / "refers")
    imported(parquet(tmp_path / "hub", MADE), tmp_path / "holds")
    monkeypatch.chdir("/")
    found = [check(tmp_path / name / "manifest.jsonl") for name in ("refers", "holds")]
    assert [(one.tally.usable, one.problems, one.num_children) for one in found] == [(20, (), 7)] * 2


def test_sound_inside_goes_along_where_its_folder_is_moved(tmp_path: Path) -> None:
    imported(parquet(tmp_path / "hub", MADE), tmp_path / "my")
    (tmp_path / "my").rename(tmp_path / "elsewhere")
    assert check(tmp_path / "elsewhere" / "manifest.jsonl").tally.usable == 20


def test_names_that_are_no_file_names_hold_no_import_up(tmp_path: Path) -> None:
    folder = kaldi(tmp_path / "train", MADE[:2])
    for name in ("text", "utt2spk", "segments", "utt2age"):
        path = folder / name
        path.write_text(path.read_text().replace("clip000", "../../" + "é" * 300).replace("clip001", "/etc/x"))
    imported(folder, tmp_path / "my")
    assert {Path(line["audio_path"]).parts[:2] for line in lines_of(tmp_path / "my")} == {("audio", "0000")}


def test_that_who_speaks_is_not_known_is_a_caveat_of_every_run(tmp_path: Path) -> None:
    """By way of the manifest itself, whatever other lines stand beside those that say so."""
    imported(without_speakers(tmp_path / "a.parquet", MADE), tmp_path / "my", each_its_own_speaker="yes")
    manifest = tmp_path / "my" / "manifest.jsonl"
    (note,) = check(manifest).problems
    assert (str(note.kind), note.fatal) == ("child_not_known", False)
    kept = manifest.read_text().splitlines()[3:]
    own = {
        "utterance_id": "own",
        "child_id": "ann",
        "audio_path": "own.flac",
        "orthographic_text": "hi",
        "age_bucket": "5-7",
    }
    os.link(next((tmp_path / "my").rglob("*.flac")), tmp_path / "my" / "own.flac")
    manifest.write_text("\n".join([json.dumps(own), *kept]) + "\n")
    assert prepare(manifest, cache=tmp_path / "cache").problems.noted["child_not_known"] == 1


def test_known_speakers_are_no_caveat(tmp_path: Path) -> None:
    imported(common_voice(tmp_path / "de", MADE), tmp_path / "my")
    assert "child_is_known" not in (tmp_path / "my" / "manifest.jsonl").read_text()


def test_a_large_share_of_bad_rows_ends_the_import_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_MOST_LISTED", 6)
    monkeypatch.setattr(writing, "_PART_ROWS", 4)
    written(tmp_path, MADE[:1])
    rows = [{"path": f"{one.name}.flac", "text": one.text, "speaker": one.child} for one in MADE]
    with pytest.raises(TooManyBad) as refused:
        imported(table(tmp_path / "list.csv", rows), tmp_path / "my")
    assert refused.value.imported.tally.num_left_out == 7
