"""A corpus in preparation stopped before each of its changes of the disk, or by a full disk, and prepared again."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from crash_points import Disk, Image, after_each
from small_disk import on_a_disk

from raytrain.errors import InputError
from raytrain.speech import shards
from raytrain.speech.corpus import prepare

CLIPS = 7


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seven clips; three lines a shard."""
    monkeypatch.setattr(shards, "_SHARD_LINES", 3)
    for number in range(CLIPS):
        clip = 0.3 * np.sin(np.arange(1600 + 160 * number) * (0.02 + 0.01 * number))
        soundfile.write(tmp_path / f"{number}.flac", clip, 16_000)
    lines = [
        {"utterance_id": f"u{n}", "child_id": f"c{n % 2}", "audio_path": f"{n}.flac", "orthographic_text": f"word {n}"}
        | {"age_bucket": "5-7"}
        for n in range(CLIPS)
    ]
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def held(manifest: Path, cache: Path) -> list[Any]:
    """All that a prepared corpus holds."""
    corpus = prepare(manifest, cache=cache)
    return [[corpus.utterance_ids[at], corpus.texts[at], corpus.audio(at).tolist()] for at in range(len(corpus))]


def test_a_preparation_can_be_stopped_anywhere(manifest: Path, cache: Path) -> None:
    disk = Disk((cache,))
    whole: list[Any] = []
    disk.record(lambda: whole.extend(held(manifest, cache)))

    def prepared_again(image: Image) -> list[str]:
        return [] if held(manifest, cache) == whole else ["another corpus"]

    assert after_each(disk, disk.images, prepared_again) == []
    assert len(whole) == CLIPS
    assert disk.points > 20


def filled(manifest: Path, cache: Path) -> Callable[[Callable[[], None]], dict[str, Any]]:
    def work(make_room: Callable[[], None]) -> dict[str, Any]:
        said = None
        try:
            prepare(manifest, cache=cache)
        except (InputError, OSError) as error:  # of either, a door says one line
            said = str(error)
        make_room()
        return {"said": said, "corpus": held(manifest, cache)}

    return work


def filled_at_each(manifest: Path, cache: Path, *, pages: Iterable[int], names: Iterable[int]) -> list[str]:
    """What was said on each full disk; the corpus has to be whole afterwards."""
    work = filled(manifest, cache)
    whole = held(manifest, cache.with_name("elsewhere"))
    sizes = [{"pages": one} for one in pages] + [{"pages": 1000, "names": one} for one in names]
    found = [on_a_disk(cache, work, **size) for size in sizes]
    assert [one["corpus"] == whole for one in found] == [True] * len(sizes)
    return [one["said"] for one in found if one["said"] is not None]


def test_a_full_disk_stops_a_preparation_with_a_line_and_with_room_it_is_whole(manifest: Path, cache: Path) -> None:
    said = filled_at_each(manifest, cache, pages=(2, 5), names=(3, 6))
    assert ["No space left on device" in line for line in said] == [True] * 4


@pytest.mark.soak
def test_a_disk_can_be_full_before_any_page_and_name_of_a_preparation(manifest: Path, cache: Path) -> None:
    said = filled_at_each(manifest, cache, pages=range(1, 24), names=range(2, 16))
    print({"disks": 37, "stopped": len(said)})
    assert ["No space left on device" in line for line in said] == [True] * len(said)
