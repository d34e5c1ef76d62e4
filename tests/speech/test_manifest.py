"""Manifests as they come: what is read, what is reported with its line, and nothing that crashes."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from recordings import read_manifest, row, write_manifest

from raytrain.errors import InputError
from raytrain.speech.check import check
from raytrain.speech.corpus import prepare
from raytrain.speech.manifest import DEMO_MANIFEST, Utterance, has_transcripts, iterate_manifest, manifest_path
from raytrain.speech.problems import Kind, ManifestProblem

GOOD = {
    "utterance_id": "u1",
    "child_id": "c1",
    "audio_path": "audio/u1.flac",
    "age_bucket": "3-4",
    "orthographic_text": "a dog",
}


def kinds_of(folder: Path, *lines: dict | bytes) -> list[tuple[int, str]]:
    return [(problem.line, str(problem.kind)) for problem in read_manifest(write_manifest(folder, list(lines)))[1]]


def test_hashes_sizes_and_sessions_may_be_missing(tmp_path: Path) -> None:
    (utterance,), problems = read_manifest(write_manifest(tmp_path, [GOOD]))
    assert (utterance.md5_hash, utterance.filesize_bytes, utterance.session_id, problems) == (None, None, None, [])


def test_audio_lies_beside_the_manifest_or_where_an_absolute_path_says(tmp_path: Path) -> None:
    absolute = GOOD | {"utterance_id": "u2", "audio_path": "/elsewhere/u2.flac"}
    utterances, _ = read_manifest(write_manifest(tmp_path, [GOOD, absolute]))
    assert [u.audio_path for u in utterances] == [tmp_path / "audio/u1.flac", Path("/elsewhere/u2.flac")]


def test_a_byte_order_mark_windows_line_ends_and_blank_lines_are_tolerated(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n\r\n  \n")
    utterances, problems = read_manifest(path)
    assert ([u.utterance_id for u in utterances], problems) == (["u1"], [])


def test_an_age_bucket_outside_the_list_is_kept_scored_as_unknown_and_noted_once(tmp_path: Path) -> None:
    lines = [GOOD | {"utterance_id": name, "age_bucket": "adult"} for name in "abc"]
    utterances, problems = read_manifest(write_manifest(tmp_path, lines))
    assert [u.age_bucket for u in utterances] == ["unknown"] * 3
    assert [(p.line, p.kind, p.fatal) for p in problems] == [(1, "age_bucket", False)]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"utterance_id": "u\xff"}', "bad_utf8"),
        (rb'{"utterance_id": "u2", "orthographic_text": "\ud800"}', "bad_utf8"),
        (b'{"utterance_id": ', "bad_json"),
        (b'["u2"]', "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b"{}", "missing_field"),
        (GOOD | {"utterance_id": "u2", "child_id": None}, "missing_field"),
        (GOOD | {"utterance_id": "u2", "orthographic_text": ["a"]}, "wrong_type"),
        (GOOD | {"utterance_id": 2.5}, "wrong_type"),
        (GOOD | {"utterance_id": True}, "wrong_type"),
        (GOOD | {"utterance_id": "u" * 1_001}, "wrong_type"),
        (GOOD | {"utterance_id": "u2", "audio_path": "a/" * 2_049}, "wrong_type"),
        (GOOD | {"utterance_id": "u2", "filesize_bytes": "twelve"}, "wrong_type"),
        (GOOD | {"utterance_id": "u2", "notes": "x" * 2**20}, "too_large"),
        (GOOD | {"utterance_id": "u2", "audio_duration_sec": True}, "wrong_type"),
        (GOOD | {"utterance_id": "u2", "audio_duration_sec": 10**400}, "wrong_type"),
        (GOOD | {"utterance_id": "u2", "audio_path": "a\0b"}, "wrong_type"),
        (GOOD, "duplicate_id"),
        (GOOD | {"utterance_id": "u2", "orthographic_text": " \t"}, "empty_transcript"),
    ],
)
def test_a_bad_line_is_a_problem_at_its_number(tmp_path: Path, line: dict | bytes, kind: str) -> None:
    assert kinds_of(tmp_path, GOOD, line) == [(2, kind)]


def test_what_pandas_writes_for_a_missing_value_is_missing(tmp_path: Path) -> None:
    (utterance,), _ = read_manifest(
        write_manifest(tmp_path, [GOOD | {"session_id": float("nan"), "filesize_bytes": 12.0}])
    )
    assert (utterance.session_id, utterance.filesize_bytes) == (None, 12)


def test_whole_numbers_where_texts_are_wanted_are_read_as_texts_and_noted_once(tmp_path: Path) -> None:
    lines = [GOOD | {"utterance_id": number, "child_id": 4, "orthographic_text": 7} for number in (1, 2)]
    utterances, problems = read_manifest(write_manifest(tmp_path, lines))
    assert [(u.utterance_id, u.child_id, u.orthographic_text) for u in utterances] == [("1", "4", "7"), ("2", "4", "7")]
    assert [(p.line, p.kind, p.fatal, p.message.split()[0]) for p in problems] == [
        (1, "read_as", False, name) for name in ("utterance_id", "child_id", "orthographic_text")
    ]


def test_texts_where_numbers_are_wanted_are_read_as_numbers_and_noted(tmp_path: Path) -> None:
    lines = [GOOD | {"filesize_bytes": "12", "audio_duration_sec": "1.5"}]
    (utterance,), problems = read_manifest(write_manifest(tmp_path, lines))
    assert (utterance.filesize_bytes, utterance.duration_s) == (12, 1.5)
    assert [p.kind for p in problems] == ["read_as"] * 2


def test_a_path_of_windows_is_read_where_that_finds_the_file_or_nothing_would(tmp_path: Path) -> None:
    (tmp_path / "odd\\name.wav").write_bytes(b"")
    lines = [
        GOOD | {"utterance_id": str(n), "audio_path": f"{name}.wav"} for n, name in enumerate(("a\\b", "odd\\name"))
    ]
    utterances, problems = read_manifest(write_manifest(tmp_path, lines))
    assert [u.audio_path for u in utterances] == [tmp_path / "a" / "b.wav", tmp_path / "odd\\name.wav"]
    assert [(p.line, p.kind) for p in problems] == [(1, "read_as")]


def test_spellings_of_one_child_are_noted_once_each(tmp_path: Path) -> None:
    children = ["anna", "anna ", "Anna", "ben", "be\u200bn", "anna ", "J\u00f6rg", "Jo\u0308rg", "cara"]
    lines = [GOOD | {"utterance_id": str(number), "child_id": child} for number, child in enumerate(children)]
    utterances, problems = read_manifest(write_manifest(tmp_path, lines))
    assert [u.child_id for u in utterances] == children
    assert [(p.line, p.kind, p.fatal) for p in problems] == [(line, "child_spelling", False) for line in (2, 3, 5, 8)]
    assert problems[2].message.startswith("child_id 'be\\u200bn' is 'ben' elsewhere: ")


def test_what_is_noted_of_every_line_is_noted_a_thousand_times_at_most(tmp_path: Path) -> None:
    lines = [GOOD | {"utterance_id": str(n), "child_id": " " * (n // 40) + "c" + " " * (n % 40)} for n in range(1_200)]
    assert len(kinds_of(tmp_path, *lines)) == 1_000


def of_bytes(folder: Path, data: bytes, name: str = "m.txt") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


TABLE = "utterance_id,child_id,audio_path,orthographic_text,filesize_bytes\nu1,c1,u1.wav,a dog,7\nu2,c1,u2.wav,a cat,\n"
TWO = [GOOD, GOOD | {"utterance_id": "u2"}]
LINES = "".join(json.dumps(line) + "\n" for line in TWO)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (json.dumps(TWO, indent=1).encode(), "one JSON array"),
        (b"\xef\xbb\xbf" + json.dumps(TWO).encode(), "one JSON array"),
        (TABLE.encode(), "CSV"),
        (TABLE.replace(",", "\t").encode("utf-8-sig"), "TSV"),
        (TABLE.replace(",", ";").encode(), "CSV"),
        (LINES.encode("utf-16"), "UTF-16"),
        (LINES.replace("\n", "\ufeff\n").encode("utf-16"), "UTF-16"),
        (LINES.encode("utf-16-be"), "UTF-16-BE"),
        (LINES.encode("utf-32"), "UTF-32"),
        (gzip.compress(LINES.encode()), "a gzip file"),
    ],
)
def test_a_file_of_another_kind_is_refused_once_with_a_command_that_works(
    tmp_path: Path, data: bytes, kind: str
) -> None:
    path = of_bytes(tmp_path, data)
    (tmp_path / "audio").mkdir()
    for place in ("u1.wav", "u2.wav", "audio/u1.flac"):
        soundfile.write(tmp_path / place, np.full(8_000, 0.1), 16_000)
    with pytest.raises(InputError) as refused:
        read_manifest(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: {kind}, and ")
    command = message.split("`")[1].replace("python", sys.executable, 1)
    subprocess.run(["bash", "-c", command], check=True, timeout=60)
    made = tmp_path / "m-imported" / "manifest.jsonl"
    utterances, problems = read_manifest(made if made.is_file() else tmp_path / "m.new.jsonl")
    assert [u.utterance_id for u in utterances] == ["u1", "u2"]
    assert not any(problem.fatal for problem in problems)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (json.dumps(GOOD, indent=1).encode(), "JSON over many lines"),
        (b"PK\x03\x04" + bytes(50), "a zip file"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a WAV file"),
        (b"<html>", "HTML or XML"),
        (bytes(1000), "binary data"),
    ],
)
def test_a_file_that_holds_no_lines_is_refused_once_by_its_kind(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_manifest(of_bytes(tmp_path, data))


def test_a_first_line_that_is_damaged_does_not_make_a_manifest_another_kind(tmp_path: Path) -> None:
    assert kinds_of(tmp_path, b'"u1", "c1"}', GOOD) == [(1, "bad_json")]
    assert kinds_of(tmp_path, b'["u1"]', GOOD) == [(1, "bad_json")]
    assert kinds_of(tmp_path, bytes(4_096), GOOD) == [(1, "bad_json")]


def test_a_manifest_larger_than_any_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = of_bytes(tmp_path, LINES.encode())
    os.truncate(path, 30 * 2**30)  # takes no room on the disk
    with pytest.raises(InputError, match="32,212,254,720 bytes"):
        check(path)


def test_a_pipe_is_no_manifest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="a pipe or a device"):
        manifest_path(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b"])
def test_a_name_that_no_file_can_have_is_no_manifest(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such manifest"):
        manifest_path(tmp_path / name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "x"]), inner, max_size=3),
    max_leaves=6,
)


@given(values=st.dictionaries(st.sampled_from([*GOOD, "md5_hash", "filesize_bytes", "audio_duration_sec"]), JSON))
def test_no_values_of_the_fields_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, values: dict) -> None:
    path = write_manifest(tmp_path_factory.getbasetemp(), [GOOD | values])
    utterances, problems = read_manifest(path)
    assert len(utterances) + sum(problem.fatal for problem in problems) == 1


@given(raw=st.binary(max_size=60))
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "raw.jsonl"
    path.write_bytes(raw)
    try:
        utterances, problems = read_manifest(path)
    except InputError as error:
        assert str(error).count("\n") == 0  # noqa: PT017
    else:
        assert len(utterances) + len(problems) <= raw.count(b"\n") + 1


def test_demo_is_the_manifest_in_the_package() -> None:
    assert manifest_path("demo") == DEMO_MANIFEST


def test_a_manifest_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.jsonl: no such manifest"):
        manifest_path(tmp_path / "nowhere.jsonl")


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder, and holds no manifest; python -m raytrain.data import"):
        manifest_path(tmp_path)
    (tmp_path / "my.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"is a folder; name the manifest inside it, such as .*my\.jsonl"):
        manifest_path(tmp_path)


def test_a_manifest_to_transcribe_needs_no_transcript(tmp_path: Path) -> None:
    lines = [row(tmp_path, "a1", orthographic_text=None), row(tmp_path, "a2", orthographic_text="")]
    bare = write_manifest(tmp_path, [*lines])
    assert not has_transcripts(bare)
    read = iterate_manifest(bare, with_texts=False)
    assert [one.orthographic_text for one in read if isinstance(one, Utterance)] == ["", ""]
    kinds = [one.kind for one in iterate_manifest(bare) if isinstance(one, ManifestProblem)]
    assert kinds == [Kind.MISSING_FIELD, Kind.EMPTY_TRANSCRIPT]
    assert has_transcripts(write_manifest(tmp_path, [b"nonsense", row(tmp_path, "a1")]))


def test_a_corpus_to_transcribe_is_another_than_one_to_score(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, [row(tmp_path, "a1"), row(tmp_path, "a2", session_id=None)])
    scored, bare = (prepare(manifest, with_texts=with_texts, cache=tmp_path / "cache") for with_texts in (True, False))
    assert (scored.texts, bare.texts) == (["the words of a1", "the words of a2"], ["", ""])
    assert (scored.session_ids, scored.manifest) == (["s1", None], manifest)
