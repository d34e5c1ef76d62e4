"""What a prepared corpus says about its lengths."""

import os
from pathlib import Path

import pytest
from recordings import row, tone, write_manifest

from raytrain.speech.corpus import prepare
from raytrain.speech.extent import extent


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rows = [
        row(tmp_path, "a", tone(1.0), orthographic_text="yes"),
        row(tmp_path, "b", tone(2.0), orthographic_text="eleven letters"),
        row(tmp_path, "c", tone(9.0), orthographic_text="a story that is longer than all the others"),
    ]
    return write_manifest(tmp_path, rows)


def test_lengths_are_those_of_the_clips_that_can_train(manifest: Path, tmp_path: Path) -> None:
    prepare(manifest, cache=tmp_path / "cache")
    found = extent(manifest, longest_s=5.0, cache=tmp_path / "cache")
    assert found is not None
    assert (found.clips, found.longest_clip_s, found.longest_text_bytes) == (2, pytest.approx(2.0), 14)
    assert found.mean_clip_s == pytest.approx(1.5)


def test_without_a_prepared_corpus_nothing_is_known_and_nothing_is_made(manifest: Path, tmp_path: Path) -> None:
    assert extent(manifest, longest_s=30.0, cache=tmp_path / "cache") is None
    assert not (tmp_path / "cache").exists()


def test_a_manifest_written_since_is_another_corpus(manifest: Path, tmp_path: Path) -> None:
    prepare(manifest, cache=tmp_path / "cache")
    later = manifest.stat().st_mtime + 60
    os.utime(manifest, (later, later))
    assert extent(manifest, longest_s=30.0, cache=tmp_path / "cache") is None


def test_where_every_clip_is_too_long_nothing_is_known(manifest: Path, tmp_path: Path) -> None:
    prepare(manifest, cache=tmp_path / "cache")
    assert extent(manifest, longest_s=0.5, cache=tmp_path / "cache") is None


def test_a_pipe_in_the_place_of_a_shard_is_not_waited_for(manifest: Path, tmp_path: Path) -> None:
    (shard,) = prepare(manifest, cache=tmp_path / "cache").folder.glob("*.arrow")
    shard.unlink()
    os.mkfifo(shard)
    assert extent(manifest, longest_s=30.0, cache=tmp_path / "cache") is None
