"""The checker: everything wrong is listed at its line; what is only worth knowing is noted."""

import os
from pathlib import Path

import numpy as np
import pytest
from recordings import row, tone, write_manifest

from raytrain.speech.check import Checked, check
from raytrain.speech.manifest import DEMO_MANIFEST


def kinds(checked: Checked) -> list[tuple[int, str]]:
    return [(problem.line, str(problem.kind)) for problem in checked.problems]


@pytest.fixture
def troubled(tmp_path: Path) -> Path:
    """Ten lines: eight wrong in their ways, one only noted, one good."""
    lost = row(tmp_path, "a2")
    (tmp_path / "a2.flac").unlink()
    cut = row(tmp_path, "a3", md5_hash=None, filesize_bytes=None)
    (tmp_path / "a3.flac").write_bytes((tmp_path / "a3.flac").read_bytes()[:-20])
    nan = np.full(800, np.nan, np.float32)
    return write_manifest(
        tmp_path,
        [
            row(tmp_path, "a1"),
            lost,
            cut,
            row(tmp_path, "a4", md5_hash="0" * 32),
            row(tmp_path, "a5", filesize_bytes=7),
            row(tmp_path, "a1"),
            row(tmp_path, "a7", orthographic_text=""),
            row(tmp_path, "a8", np.zeros(0, np.float32), audio_path="a8.wav"),
            row(tmp_path, "a9", nan, audio_path="a9.wav", subtype="FLOAT"),
            row(tmp_path, "b1", tone(30.5), age_bucket="13+"),
        ],
    )


def test_everything_wrong_is_listed_at_its_line_in_order(troubled: Path) -> None:
    assert kinds(check(troubled)) == [
        (2, "missing_file"),
        (3, "undecodable"),
        (4, "md5_mismatch"),
        (5, "filesize_mismatch"),
        (6, "duplicate_id"),
        (7, "empty_transcript"),
        (8, "zero_length"),
        (9, "not_finite"),
        (10, "age_bucket"),
        (10, "over_30_s"),
    ]


def test_totals_count_utterances_once_and_notes_leave_them_in(troubled: Path) -> None:
    checked = check(troubled)
    assert (checked.tally.usable, checked.tally.num_left_out, checked.num_children) == (2, 8, 2)
    assert checked.hours == pytest.approx(31.0 / 3600)
    assert checked.tally.describe().startswith("2 utterances; 8 left out (1 duplicate_id, 1 empty_transcript, ")


@pytest.mark.parametrize(
    ("bucket", "hint"),
    [
        ("teens", "makes it 12+"),
        (4, "makes it 3-4"),
        ("7 years", "makes it 5-7"),
        ("grade 3", "wherever else it occurs"),
    ],
)
def test_an_age_in_the_place_of_a_bucket_is_noted_with_what_an_import_makes_of_it(
    bucket: object, hint: str, tmp_path: Path
) -> None:
    (problem,) = check(write_manifest(tmp_path, [row(tmp_path, "a1", age_bucket=bucket)])).problems
    assert (problem.kind, problem.fatal) == ("age_bucket", False)
    assert problem.message.endswith(hint)


def test_a_label_over_the_limit_is_told_with_its_tokens(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, [row(tmp_path, "a1", orthographic_text="oh " * 200)])
    (problem,) = check(manifest, count_tokens=lambda text: 3 * len(text.split())).problems
    assert (problem.kind, problem.fatal) == ("label_too_long", True)
    assert problem.message == "600 tokens or more; the limit is 448"


def test_a_text_of_more_words_than_tokens_allowed_needs_no_tokenizer(tmp_path: Path) -> None:
    lines = [row(tmp_path, f"a{words}", orthographic_text="oh " * words) for words in (446, 447)]
    assert kinds(check(write_manifest(tmp_path, lines))) == [(1, "label_not_counted"), (2, "label_too_long")]


def test_a_text_of_few_bytes_needs_no_tokenizer(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, [row(tmp_path, "a1", orthographic_text="x" * 440)])
    assert kinds(check(manifest, count_tokens=lambda text: 1 // 0)) == []


def test_a_long_text_without_a_tokenizer_is_noted_and_kept(tmp_path: Path) -> None:
    checked = check(write_manifest(tmp_path, [row(tmp_path, "a1", orthographic_text="x" * 441)]))
    assert (kinds(checked), checked.tally.usable) == ([(1, "label_not_counted")], 1)


def test_a_clip_over_30_s_is_never_trained_on_and_needs_no_label(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, [row(tmp_path, "a1", tone(31), orthographic_text="word " * 900)])
    assert kinds(check(manifest, count_tokens=lambda text: 1 // 0)) == [(1, "over_30_s")]


def test_a_duration_that_the_audio_does_not_have_is_noted(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, [row(tmp_path, "a1", audio_duration_sec=2.0)])
    assert kinds(check(manifest)) == [(1, "duration")]


@pytest.mark.parametrize("text", ["the <|endoftext|> dog", "<|0.00|> the dog<|2.00|>", "<|en|>the dog"])
def test_a_special_token_in_a_transcript_is_noted(tmp_path: Path, text: str) -> None:
    checked = check(write_manifest(tmp_path, [row(tmp_path, "a1", orthographic_text=text)]))
    assert (kinds(checked), checked.tally.usable) == ([(1, "special_token")], 1)


@pytest.mark.parametrize("text", ["[laughs] the dog", "a < b | c > d", "<||>", "<xxx>"])
def test_what_only_looks_like_a_special_token_is_not_noted(tmp_path: Path, text: str) -> None:
    assert kinds(check(write_manifest(tmp_path, [row(tmp_path, "a1", orthographic_text=text)]))) == []


def test_only_the_first_thousand_of_each_kind_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    checked = check(write_manifest(tmp_path, [*[b"{}"] * 1_002, b"{", row(tmp_path, "a1")]))
    assert (len(checked.problems), checked.unlisted) == (1_001, {"missing_field": 2})
    assert (checked.problems[-1].line, checked.tally.left_out) == (1_003, {"missing_field": 1_002, "bad_json": 1})


def test_what_is_no_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    lines = [row(tmp_path, "a1") | {"utterance_id": name, "audio_path": name} for name in ("pipe", "/dev/zero", ".")]
    assert kinds(check(write_manifest(tmp_path, lines))) == [(line, "missing_file") for line in (1, 2, 3)]


def test_a_sound_file_larger_than_any_is_refused_by_its_size(tmp_path: Path) -> None:
    line = row(tmp_path, "a1", audio_path="a1.wav", md5_hash=None, filesize_bytes=None)
    os.truncate(tmp_path / "a1.wav", 30 * 2**30)  # takes no room on the disk
    (problem,) = check(write_manifest(tmp_path, [line])).problems
    assert (problem.kind, problem.message.split(" has ")[1][:20]) == ("too_large", "32,212,254,720 bytes")


def test_a_file_whose_reading_fails_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    lines = [row(tmp_path, "a1"), row(tmp_path, "a2")]
    lines[0] |= {"audio_path": "/proc/self/mem", "md5_hash": None, "filesize_bytes": None}
    checked = check(write_manifest(tmp_path, [{k: v for k, v in line.items() if v is not None} for line in lines]))
    assert (kinds(checked), checked.tally.usable) == ([(1, "missing_file")], 1)


def test_long_recordings_are_decoded_one_at_a_time_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raytrain.speech.examine._MOST_HELD_SAMPLES", 16_000)
    lines = [row(tmp_path, f"a{number}", tone(seconds)) for number, seconds in enumerate((2, 0.5, 31, 0.5, 2))]
    checked = check(write_manifest(tmp_path, lines))
    assert (kinds(checked), checked.hours) == ([(3, "over_30_s")], pytest.approx(36 / 3600))


def test_progress_ends_at_the_last_line(troubled: Path) -> None:
    calls: list[tuple[int, int]] = []
    check(troubled, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (10, 10)


def test_the_demo_corpus_has_nothing_wrong() -> None:
    checked = check(DEMO_MANIFEST)
    assert (checked.problems, checked.tally.usable, checked.num_children) == ((), 200, 30)


def test_the_demo_corpus_is_at_most_eight_megabytes() -> None:
    files = [path for path in DEMO_MANIFEST.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000
