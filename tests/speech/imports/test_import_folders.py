"""What a folder is, and which split of it is read: asked for where there are several, and listed."""

import json
import shutil
from pathlib import Path

import datasets
import pytest
from import_sources import (
    audiofolder_csv,
    clips,
    common_voice,
    imported,
    lines_of,
    parquet,
    table,
    with_bytes,
    written,
)

from raytrain.speech.imports.kinds import open_source

MADE = clips(6)
datasets.disable_progress_bars()


def rows(folder: str = "") -> list[dict[str, str]]:
    return [{"file_name": f"{folder}{one.name}.flac", "text": one.text, "speaker": one.child} for one in MADE]


def test_a_common_voice_folder_is_read_for_what_listeners_found_right(tmp_path: Path) -> None:
    source = open_source(str(common_voice(tmp_path / "de", MADE)))
    assert (source.split, source.kind, source.num_rows()) == ("validated", "Common Voice (its other splits: dev)", 6)


def test_the_corpus_above_a_language_is_read_where_there_is_one(tmp_path: Path) -> None:
    common_voice(tmp_path / "cv-corpus" / "de", MADE)
    assert open_source(str(tmp_path / "cv-corpus")).place == str(tmp_path / "cv-corpus" / "de")
    common_voice(tmp_path / "cv-corpus" / "fr", MADE)
    with pytest.raises(ValueError, match="has several languages; name one by --configuration, or its folder: de, fr"):
        open_source(str(tmp_path / "cv-corpus"))
    assert open_source(str(tmp_path / "cv-corpus"), configuration="fr").place == str(tmp_path / "cv-corpus" / "fr")


@pytest.mark.parametrize(
    ("split", "told"),
    [
        (None, r"has several splits; name one by --split, or more, `--split test\+train`: test, train"),
        ("dev", "has no split 'dev'; there are test, train"),
    ],
)
def test_splits_are_listed_where_one_is_to_be_named(split: str | None, told: str, tmp_path: Path) -> None:
    for name in ("train", "test"):
        written(tmp_path / name, MADE)
        table(tmp_path / name / "metadata.csv", rows())
    with pytest.raises(ValueError, match=told):
        open_source(str(tmp_path), split=split)


def test_several_splits_are_read_one_after_another_and_their_ids_stay_apart(tmp_path: Path) -> None:
    for name in ("train", "test"):
        written(tmp_path / "source" / name, MADE)
        table(tmp_path / "source" / name / "metadata.csv", rows())
    assert imported(tmp_path / "source", tmp_path / "my", split="train+test").tally.usable == 12
    assert [line["utterance_id"] for line in lines_of(tmp_path / "my")][5:7] == ["train/clip005", "test/clip000"]


def test_folders_of_children_are_no_splits(tmp_path: Path) -> None:
    for name in ("ann", "ben"):
        written(tmp_path / "source" / name, MADE)
        table(tmp_path / "source" / name / "metadata.csv", rows())
    assert imported(tmp_path / "source", tmp_path / "my").tally.usable == 12


def test_metadata_above_the_splits_folders_list_the_files_of_each(tmp_path: Path) -> None:
    for name in ("train", "test"):
        written(tmp_path / "source" / name, MADE[:3])
    table(tmp_path / "source" / "metadata.csv", [row for name in ("train/", "test/") for row in rows(name)[:3]])
    with pytest.raises(ValueError, match="name one by --split"):
        open_source(str(tmp_path / "source"))
    imported(tmp_path / "source", tmp_path / "my", split="test")
    assert [line["utterance_id"] for line in lines_of(tmp_path / "my")] == [f"test/{one.name}" for one in MADE[:3]]


def test_a_dictionary_of_saved_data_sets_has_its_splits(tmp_path: Path) -> None:
    whole = with_bytes(MADE)
    datasets.DatasetDict(train=whole, test=whole.select([0])).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(ValueError, match=r"name one by --split, .*: train, test"):
        open_source(str(tmp_path / "saved"))
    assert imported(tmp_path / "saved", tmp_path / "my", split="test").tally.usable == 1


def test_shards_of_a_split_are_one(tmp_path: Path) -> None:
    source = open_source(str(parquet(tmp_path / "hub", MADE)))
    assert (source.split, source.kind, source.num_rows()) == ("train", "data set, 2 files", 6)
    numbers = [row.number for row in source.rows()]
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert [row.number for row in source.rows(4)] == [5, 6]


def test_a_readme_as_the_hub_has_it_says_configurations_and_splits(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with_bytes(MADE[:2]).to_parquet(tmp_path / name / "one.parquet")
    head = "configs:\n" + "".join(f"- config_name: {name}\n  data_files: {name}/*.parquet\n" for name in "ab")
    (tmp_path / "README.md").write_text(f"---\nlicense: mit\n{head}---\n")
    with pytest.raises(ValueError, match="has several configurations; name one by --configuration: a, b"):
        open_source(str(tmp_path))
    with pytest.raises(ValueError, match="has no configuration 'c'; there are a, b"):
        open_source(str(tmp_path), configuration="c")
    assert open_source(str(tmp_path), configuration="b").num_rows() == 2


def test_a_table_beside_its_sound_is_the_folders(tmp_path: Path) -> None:
    written(tmp_path / "source" / "clips", MADE)
    table(tmp_path / "source" / "list.csv", rows())
    (tmp_path / "source" / "speakers.json").write_text(json.dumps([{"speaker": "001", "age": 4}]))
    assert imported(tmp_path / "source", tmp_path / "my").tally.usable == 6


def test_tables_are_splits_by_their_names(tmp_path: Path) -> None:
    written(tmp_path / "clips", MADE)
    for name in ("train", "dev"):
        table(tmp_path / f"{name}.csv", rows())
    with pytest.raises(ValueError, match=r"name one by --split, .*: dev, train"):
        open_source(str(tmp_path))


def test_sound_alone_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    written(tmp_path, MADE)
    with pytest.raises(ValueError, match=r"sound, and no file that has the transcripts; add a metadata.csv"):
        open_source(str(tmp_path))


def test_metadata_whose_file_lies_nowhere_is_listed(tmp_path: Path) -> None:
    folder = audiofolder_csv(tmp_path / "source", MADE)
    (folder / "train" / "clip002.flac").unlink()
    (problem,) = imported(folder, tmp_path / "my", share=0.5).problems
    assert (problem.line, str(problem.kind)) == (4, "missing_file")
    assert problem.message == f"no such file: {folder}/train/clip002.flac"


def test_a_file_of_the_same_name_elsewhere_is_not_taken_for_one_that_is_missing(tmp_path: Path) -> None:
    """Where files start from is learnt from the first 64 rows."""
    folder = common_voice(tmp_path / "de", clips(66))
    (folder / "wav").mkdir()
    shutil.move(folder / "clips" / "clip065.flac", folder / "wav" / "clip065.flac")
    assert [str(problem.kind) for problem in imported(folder, tmp_path / "my", share=0.5).problems] == ["missing_file"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no/such/folder", "there is no such file or folder; a table"),
        ("list.csv", "there is no such file or folder; a table"),
        ("empty", "an empty folder; a table"),
        ("other", "no source that is known|cannot read it"),
        ("a.flac", "a FLAC file, and no table of utterances"),
        ("a.csv.gz", "a gzip file, and no table of utterances; unpack it: `gzip -dk "),
        ("cv-corpus.tar.gz", "a gzip file, and no table of utterances; unpack it: `tar -xzf "),
        ("list.xlsx", "a zip file, as Excel's workbooks are, .* or save a workbook as CSV"),
        ("empty.csv", "an empty file"),
        ("null\0", "there is no such file or folder; a table"),
    ],
)
def test_what_is_no_source_is_refused_in_one_line(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other", "a.docx").write_bytes(b"PK\x03\x04")
    written(Path(), [clips(1)[0].__class__("a", "c", 3, "hi", MADE[0].sound)])
    for gzip in ("a.csv.gz", "cv-corpus.tar.gz"):
        Path(gzip).write_bytes(b"\x1f\x8b\x08\0")
    Path("list.xlsx").write_bytes(b"PK\x03\x04")
    Path("empty.csv").touch()
    with pytest.raises(ValueError, match=told) as refused:
        open_source(name).columns  # noqa: B018  # a file is looked into when its columns are asked for
    assert "\n" not in str(refused.value)


def test_a_split_of_one_file_is_refused(tmp_path: Path) -> None:
    table(tmp_path / "list.csv", rows())
    with pytest.raises(ValueError, match="one file, and --split chooses within a folder; leave it out"):
        open_source(str(tmp_path / "list.csv"), split="train")
