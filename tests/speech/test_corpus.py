"""The prepared corpus: made once, found again, whole or not at all, and honest about what it left out."""

import errno
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from recordings import row, tone, write_manifest

from raytrain.errors import InputError
from raytrain.speech import shards
from raytrain.speech.corpus import Corpus, open_corpus, prepare
from raytrain.speech.extent import extent
from raytrain.speech.manifest import DEMO_MANIFEST

PREPARE = "import sys; from pathlib import Path; from raytrain.speech.corpus import prepare; "


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return prepare(DEMO_MANIFEST, cache=tmp_path_factory.mktemp("cache"))


def some(folder: Path, count: int) -> list[dict]:
    return [row(folder, f"{'abc'[n % 3]}{n}", tone(0.2 + 0.01 * n, hz=200 + 10 * n)) for n in range(count)]


def in_another_process(manifest: Path, cache: Path, then: str) -> subprocess.Popen:
    code = PREPARE + f"corpus = prepare(Path({str(manifest)!r}), cache=Path({str(cache)!r})); " + then
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_sound_texts_and_children_are_those_of_the_manifest(demo: Corpus) -> None:
    lines = [json.loads(line) for line in DEMO_MANIFEST.read_text().splitlines()]
    assert demo.utterance_ids == [line["utterance_id"] for line in lines]
    assert demo.texts == [line["orthographic_text"] for line in lines]
    assert demo.child_ids == [line["child_id"] for line in lines]
    assert demo.age_buckets == [line["age_bucket"] for line in lines]
    assert np.allclose(demo.durations_s, [line["audio_duration_sec"] for line in lines], atol=1e-3)
    expected, _ = soundfile.read(DEMO_MANIFEST.parent / lines[7]["audio_path"], dtype="float32")
    assert np.array_equal(demo.audio(7), expected)
    assert np.array_equal(demo.audio(np.int64(7)), demo.audio(7 - len(demo)))


def test_the_demo_says_that_it_is_synthetic(demo: Corpus, tmp_path: Path) -> None:
    assert demo.synthetic
    assert not prepare(write_manifest(tmp_path, some(tmp_path, 2)), cache=tmp_path).synthetic


def test_sound_may_be_changed_by_whoever_reads_it(demo: Corpus) -> None:
    demo.audio(0)[:] = 0
    assert np.abs(demo.audio(0)).max() > 0.01


def test_an_index_past_the_end_is_refused(demo: Corpus) -> None:
    with pytest.raises(IndexError):
        demo.audio(len(demo))


def test_a_corpus_travels_to_another_process_as_its_folder(demo: Corpus) -> None:
    assert len(pickle.dumps(demo)) < 1000
    assert np.array_equal(pickle.loads(pickle.dumps(demo)).audio(3), demo.audio(3))


def test_a_second_call_reads_no_audio(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, some(tmp_path, 3))
    first = prepare(manifest, cache=tmp_path)
    calls: list[int] = []
    second = prepare(manifest, cache=tmp_path, progress=lambda done, total: calls.append(done))
    assert (first.folder, calls) == (second.folder, [])


def test_audio_that_changed_behind_the_same_manifest_is_read_anew(tmp_path: Path) -> None:
    lines = [row(tmp_path, "a1", md5_hash=None, filesize_bytes=None)]
    before = prepare(write_manifest(tmp_path, lines), cache=tmp_path)
    soundfile.write(tmp_path / "a1.flac", tone(1.25), 16_000)
    after = prepare(tmp_path / "manifest.jsonl", cache=tmp_path)
    assert (len(before.audio(0)), len(after.audio(0))) == (8_000, 20_000)


def test_a_changed_transcript_is_read_anew(tmp_path: Path) -> None:
    prepare(write_manifest(tmp_path, [row(tmp_path, "a1")]), cache=tmp_path)
    manifest = write_manifest(tmp_path, [row(tmp_path, "a1", orthographic_text="other words")])
    assert prepare(manifest, cache=tmp_path).texts == ["other words"]


def test_mixed_rates_and_channels_become_16_khz_mono(tmp_path: Path) -> None:
    stereo = np.stack([tone(1.0, sample_rate=44_100)] * 2, axis=1)
    corpus = prepare(write_manifest(tmp_path, [row(tmp_path, "a1", stereo, sample_rate=44_100)]), cache=tmp_path)
    assert corpus.audio(0).dtype == np.float32
    assert np.allclose(corpus.audio(0)[1_000:-1_000], tone(1.0)[1_000:-1_000], atol=2e-3)


def test_a_clip_of_22_minutes_is_kept(tmp_path: Path) -> None:
    corpus = prepare(write_manifest(tmp_path, [row(tmp_path, "a1", tone(1348.0)), row(tmp_path, "a2")]), cache=tmp_path)
    assert corpus.durations_s.tolist() == [1348.0, 0.5]
    assert len(corpus.audio(0)) == 1348 * 16_000
    assert corpus.problems.noted == {"over_30_s": 1}


def test_bad_utterances_are_left_out_and_counted_by_kind(tmp_path: Path) -> None:
    bad = [row(tmp_path, "a8", md5_hash="0" * 32), b"{", row(tmp_path, "a9", orthographic_text="")]
    corpus = prepare(write_manifest(tmp_path, [*some(tmp_path, 3), *bad]), cache=tmp_path, max_bad_share=0.5)
    assert len(corpus) == 3
    assert corpus.problems.left_out == {"md5_mismatch": 1, "bad_json": 1, "empty_transcript": 1}


def test_too_large_a_share_of_bad_utterances_is_refused_with_the_first_and_the_way_out(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, [*some(tmp_path, 8), b"{", b"{}"])
    with pytest.raises(InputError) as refused:
        prepare(manifest, cache=tmp_path, max_bad_share=0.1)
    message = str(refused.value)
    assert "2 or more of 10 utterances are unusable (20.0% is over data.max_bad_share 10.0%)" in message
    assert "line 9: bad_json" in message
    assert f"`python -m raytrain.data check {manifest}`" in message


def test_a_share_is_refused_from_the_cache_too(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, [*some(tmp_path, 4), b"{"])
    assert len(prepare(manifest, cache=tmp_path, max_bad_share=0.2)) == 4
    with pytest.raises(InputError, match="unusable"):
        prepare(manifest, cache=tmp_path, max_bad_share=0.1)


@pytest.mark.parametrize("lines", [[], [b"{"], [b"", b""]])
def test_a_manifest_without_a_usable_utterance_is_refused(tmp_path: Path, lines: list) -> None:
    with pytest.raises(InputError, match=r"no usable utterance|holds no utterances|unusable"):
        prepare(write_manifest(tmp_path, lines), cache=tmp_path, max_bad_share=1.0)


def test_shards_join_in_the_manifests_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_SHARD_LINES", 4)
    monkeypatch.setattr(shards, "_BATCH_CLIPS", 3)
    lines = [*some(tmp_path, 9), b"{", row(tmp_path, "a9")]
    corpus = prepare(write_manifest(tmp_path, lines), cache=tmp_path, max_bad_share=0.5)
    assert len(shards.shard_paths(corpus.folder)) == 3
    assert corpus.utterance_ids == ["a0", "b1", "c2", "a3", "b4", "c5", "a6", "b7", "c8", "a9"]
    assert [len(corpus.audio(n)) for n in (0, 3, 8)] == [3_200, 3_680, 4_480]


def test_an_interrupted_preparation_goes_on_after_its_last_whole_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "_SHARD_LINES", 4)
    manifest = write_manifest(tmp_path, [*some(tmp_path, 5), b"{", *some(tmp_path, 12)[5:]])

    def stop_at_ten(done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(manifest, cache=tmp_path, max_bad_share=0.5, progress=stop_at_ten)
    calls: list[int] = []
    corpus = prepare(manifest, cache=tmp_path, max_bad_share=0.5, progress=lambda done, total: calls.append(done))
    assert calls[0] == 8
    assert [int(name[1:]) for name in corpus.utterance_ids] == list(range(12))
    assert (corpus.problems.usable, corpus.problems.left_out) == (12, {"bad_json": 1})


def test_a_killed_preparation_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, some(tmp_path, 20))
    code = PREPARE + (
        "import os, signal; "
        f"prepare(Path({str(manifest)!r}), cache=Path({str(tmp_path)!r}), "
        "progress=lambda done, total: done == 12 and os.kill(os.getpid(), signal.SIGKILL))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert [path.suffix for path in (tmp_path / "corpora").iterdir() if path.is_dir()] == [".unfinished"]
    assert len(prepare(manifest, cache=tmp_path)) == 20


def test_two_processes_that_start_at_once_make_one_corpus(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, some(tmp_path, 40))
    both = [in_another_process(manifest, tmp_path / "cache", "print(len(corpus), corpus.folder)") for _ in range(2)]
    (first, first_errors), (second, second_errors) = [process.communicate(timeout=60) for process in both]
    assert (first_errors, second_errors) == ("", "")
    assert first == second
    assert first.startswith("40 ")


def test_a_cache_whose_name_is_no_utf_8_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not UTF-8, .*; name a folder you may write to in RAYTRAIN_CACHE"):
        prepare(write_manifest(tmp_path, some(tmp_path, 1)), cache=tmp_path / "\udcff")


def test_a_cache_that_cannot_be_made_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="RAYTRAIN_CACHE"):
        prepare(write_manifest(tmp_path, some(tmp_path, 1)), cache=tmp_path / "file")


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "here"))
    corpus = prepare(write_manifest(tmp_path, some(tmp_path, 1)))
    assert corpus.folder.parent == tmp_path / "here" / "corpora"


def test_a_folder_that_is_no_corpus_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"raytrain\.data prepare"):
        open_corpus(tmp_path)


def test_one_child_in_several_spellings_is_one_child(tmp_path: Path) -> None:
    ids = ["kid", " kid", "Kid ", "kid\u200b", "other"]
    lines = [row(tmp_path, f"a{place}", child_id=child) for place, child in enumerate(ids)]
    corpus = prepare(write_manifest(tmp_path, lines), cache=tmp_path)
    assert (corpus.child_ids, corpus.spellings) == (["kid"] * 4 + ["other"], [tuple(ids[:4])])


def test_the_same_sound_has_the_same_digest_whatever_file_it_came_in(tmp_path: Path) -> None:
    sound = (tone(0.5) * 2**15).astype(np.int16)
    lines = [row(tmp_path, "a1", sound), row(tmp_path, "a2", sound, audio_path="a2.wav"), row(tmp_path, "a3")]
    first, same, other = prepare(write_manifest(tmp_path, lines), cache=tmp_path).sound_digests
    assert (first == same, first == other) == (True, False)


def emptied(path: Path) -> Path:
    """The path, at which nothing lies any more."""
    path.unlink()
    return path


def cut(path: Path, num_bytes: int) -> None:
    os.truncate(path, num_bytes)


DAMAGES = {
    "no shard": lambda folder: (folder / "shard-00001.arrow").unlink(),
    "no shard at all": lambda folder: [path.unlink() for path in folder.glob("*.arrow")],
    "a shard cut": lambda folder: cut(folder / "shard-00001.arrow", 2_000),
    "a shard cut between two batches": lambda folder: shutil.copy(
        folder / "shard-00002.arrow", folder / "shard-00001.arrow"
    ),
    "a pipe for a shard": lambda folder: [
        (folder / "shard-00001.arrow").unlink(),
        os.mkfifo(folder / "shard-00001.arrow"),
    ],
    "an empty shard": lambda folder: cut(folder / "shard-00000.arrow", 0),
    "a shard of noise": lambda folder: (folder / "shard-00000.arrow").write_bytes(b"noise" * 1000),
    "no JSON": lambda folder: (folder / "corpus.json").write_text("{"),
    "JSON of another kind": lambda folder: (folder / "corpus.json").write_text('{"tally": 3}'),
    "deep JSON": lambda folder: (folder / "corpus.json").write_text("[" * 200_000),
    "an empty folder": lambda folder: [path.unlink() for path in folder.iterdir()],
}


@pytest.fixture
def three_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The manifest of ten clips, in a corpus of shards of four, four and two."""
    monkeypatch.setattr(shards, "_SHARD_LINES", 4)
    manifest = write_manifest(tmp_path, some(tmp_path, 10))
    prepare(manifest, cache=tmp_path)
    return manifest


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_corpus_is_made_anew(three_shards: Path, tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    folder = prepare(three_shards, cache=tmp_path).folder
    damage(folder)
    anew = prepare(three_shards, cache=tmp_path)
    assert (anew.folder, len(anew), len(anew.audio(9))) == (folder, 10, 4_640)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_corpus_is_refused_in_one_line_where_it_cannot_be_made(
    three_shards: Path, tmp_path: Path, damage: Callable[[Path], Any]
) -> None:
    folder = prepare(three_shards, cache=tmp_path).folder
    damage(folder)
    with pytest.raises(InputError) as refused:
        open_corpus(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "shard-00000.arrow").unlink(),
        lambda folder: cut(folder / "shard-00001.arrow", 2_000),
        lambda folder: (folder / "shard-00001.json").write_text("{"),
    ],
)
def test_what_was_damaged_of_an_interrupted_preparation_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], Any]
) -> None:
    monkeypatch.setattr(shards, "_SHARD_LINES", 4)
    manifest = write_manifest(tmp_path, some(tmp_path, 12))

    def stop_at_ten(done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(manifest, cache=tmp_path, progress=stop_at_ten)
    (unfinished,) = (tmp_path / "corpora").glob("*.unfinished")
    damage(unfinished)
    corpus = prepare(manifest, cache=tmp_path)
    assert [int(name[1:]) for name in corpus.utterance_ids] == list(range(12))


def test_a_full_disk_stops_a_preparation_that_goes_on_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "_SHARD_LINES", 4)
    manifest = write_manifest(tmp_path, some(tmp_path, 12))
    room_for = iter([None, None])

    def sync_file(path: Path) -> None:
        if next(room_for, path) is path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as full:
        full.setattr(shards, "sync_file", sync_file)
        with pytest.raises(InputError, match=r"No space left on device; make room, or name a folder on another disk"):
            prepare(manifest, cache=tmp_path)
    calls: list[int] = []
    assert len(prepare(manifest, cache=tmp_path, progress=lambda done, total: calls.append(done))) == 12
    assert calls[0] == 8


def test_an_old_time_stamp_is_enough_to_see_a_change(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, [row(tmp_path, "a1")])
    before = prepare(manifest, cache=tmp_path)
    os.utime(tmp_path / "a1.flac", (time.time() - 1000,) * 2)
    assert prepare(manifest, cache=tmp_path).folder != before.folder


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"manifest": 3}', b"\xff", b"[" * 200_000])
def test_a_corpus_that_does_not_say_what_it_is_is_named_when_opened_and_made_anew(
    tmp_path: Path, damage: bytes
) -> None:
    manifest = write_manifest(tmp_path, some(tmp_path, 3))
    folder = prepare(manifest, cache=tmp_path).folder
    (folder / "corpus.json").write_bytes(damage)
    with pytest.raises(InputError, match=r"corpus\.json: .*remove the folder"):
        open_corpus(folder)
    assert extent(manifest, longest_s=30.0, cache=tmp_path) is None
    assert len(prepare(manifest, cache=tmp_path)) == 3


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.9, -8])
def test_a_corpus_whose_sound_was_cut_is_named_when_opened_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: float
) -> None:
    monkeypatch.setattr(shards, "_BATCH_CLIPS", 5)
    manifest = write_manifest(tmp_path, some(tmp_path, 20))
    folder = prepare(manifest, cache=tmp_path).folder
    (shard,) = shards.shard_paths(folder)
    whole = shard.read_bytes()
    shard.write_bytes(whole[: round(kept * len(whole)) if 0 < kept < 1 else int(kept)])
    if kept != -8:  # Arrow's mark of the end: nothing is lost with it
        with pytest.raises(InputError, match=r"remove the folder"):
            open_corpus(folder)
    corpus = prepare(manifest, cache=tmp_path)
    assert len(corpus) == 20
    assert len(corpus.audio(19)) == 16 * (200 + 10 * 19)


def test_a_corpus_that_lost_a_whole_batch_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_BATCH_CLIPS", 5)
    manifest = write_manifest(tmp_path, some(tmp_path, 20))
    (shard,) = shards.shard_paths(prepare(manifest, cache=tmp_path).folder)
    batches = pa.ipc.open_stream(shard.read_bytes()).read_all().to_batches()
    with pa.ipc.new_stream(str(shard), shards.SCHEMA) as stream:
        stream.write_batch(batches[0])
    with pytest.raises(InputError, match="5 of 20 utterances are there"):
        open_corpus(shard.parent)
    assert len(prepare(manifest, cache=tmp_path)) == 20


@pytest.mark.parametrize("damage", [b"", b'{"lines": "4"}', b'{"lines": 4, "tally": []}', b"\xff"])
def test_a_shard_that_does_not_say_what_it_holds_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setattr(shards, "_SHARD_LINES", 4)
    manifest = write_manifest(tmp_path, some(tmp_path, 12))

    def stop_at_ten(done: int, total: int) -> None:
        if done == 10:
            (done_json,) = (tmp_path / "corpora").glob("*/shard-00001.json")
            done_json.write_bytes(damage)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(manifest, cache=tmp_path, progress=stop_at_ten)
    calls: list[int] = []
    assert len(prepare(manifest, cache=tmp_path, progress=lambda done, total: calls.append(done))) == 12
    assert calls[0] == 4
