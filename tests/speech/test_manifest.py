"""Manifests as they come: what is read, what is reported with its line, and nothing that crashes."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import read_manifest, write_manifest

from raytrain.errors import InputError
from raytrain.speech.manifest import DEMO_MANIFEST, manifest_path

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
        (GOOD | {"utterance_id": 2}, "wrong_type"),
        (GOOD | {"utterance_id": "u2", "filesize_bytes": "12"}, "wrong_type"),
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
    utterances, problems = read_manifest(path)
    assert len(utterances) + len(problems) <= raw.count(b"\n") + 1


def test_demo_is_the_manifest_in_the_package() -> None:
    assert manifest_path("demo") == DEMO_MANIFEST


def test_a_manifest_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.jsonl: no such manifest"):
        manifest_path(tmp_path / "nowhere.jsonl")


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder; name the manifest inside it"):
        manifest_path(tmp_path)
