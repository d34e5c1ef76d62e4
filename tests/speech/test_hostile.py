"""What nobody would write and somebody will send: each ends as sound, as a problem, or as one refusal."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_speech import mutated_manifest, mutated_sound
from recordings import row

from raytrain.errors import InputError
from raytrain.speech.check import check
from raytrain.speech.corpus import prepare
from raytrain.speech.manifest import manifest_path


def usable(work: Callable[[], int]) -> int:
    """The number of utterances usable, or the lines of the refusal with a minus sign: -1 for a good one."""
    try:
        return work()
    except InputError as error:
        return -len(str(error).splitlines())


def outcome(manifest: Path, cache: Path) -> tuple[int, int]:
    """What the check finds usable, and what the prepared corpus holds."""
    checked = usable(lambda: check(manifest_path(manifest)).tally.usable)
    return checked, usable(lambda: len(prepare(manifest, cache=cache, max_bad_share=1.0)))


def with_sound(folder: Path, seed: int) -> Path:
    data, suffix = mutated_sound(random.Random(seed))
    (folder / f"{seed}{suffix}").write_bytes(data)
    fields = {"child_id": "c", "age_bucket": "5-7", "orthographic_text": "a dog"}
    (folder / "m.jsonl").write_text(json.dumps({"utterance_id": "u", "audio_path": f"{seed}{suffix}", **fields}) + "\n")
    return folder / "m.jsonl"


def with_lines(folder: Path, seed: int) -> Path:
    (folder / "m.jsonl").write_bytes(mutated_manifest(random.Random(seed)))
    return folder / "m.jsonl"


@pytest.mark.filterwarnings("error")
def test_check_and_the_prepared_corpus_agree_on_any_sound_file(tmp_path: Path) -> None:
    found = [outcome(with_sound(tmp_path, seed), tmp_path / "cache") for seed in range(80)]
    assert set(found) == {(1, 1), (0, -1)}


@pytest.mark.filterwarnings("error")
def test_check_and_the_prepared_corpus_agree_on_any_manifest(tmp_path: Path) -> None:
    row(tmp_path, "a", audio_path="a.wav")
    found = [outcome(with_lines(tmp_path, seed), tmp_path / "cache") for seed in range(150)]
    assert all(prepared == (checked or -1) for checked, prepared in found)
    assert {checked for checked, _ in found} >= {-1, 0, 1, 5}
