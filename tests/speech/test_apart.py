"""Two corpora to train on and to score on are held apart: children, ids and the very sound."""

from pathlib import Path

import numpy as np
import pytest
from recordings import row, tone
from small_corpora import settings, spoken, write

from raytrain.errors import InputError
from raytrain.results.description import Description
from raytrain.trial.inputs import Inputs, inputs_of


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "train"
    return write(folder / "train.jsonl", spoken(folder, "abcd"))


@pytest.fixture
def other(tmp_path: Path) -> Path:
    folder = tmp_path / "other"
    folder.mkdir()
    return folder


def scored_on(validation: Path, train: Path, *overrides: str) -> Inputs:
    return inputs_of(settings(train, f"data.validation_manifest={validation}", *overrides))


def refusal(validation: Path, train: Path) -> str:
    with pytest.raises(InputError) as refused:
        scored_on(validation, train)
    return str(refused.value)


def caveats(inputs: Inputs, train: Path) -> str:
    return " ".join(Description(baseline_name="", baseline=settings(train), data=inputs.described()).caveats())


def test_other_children_are_taken_with_no_caveat(train: Path, other: Path) -> None:
    inputs = scored_on(write(other / "v.jsonl", spoken(other, "xy")), train)
    assert inputs.shared.as_dict() == {"shared_children": 0, "shared_utterance_ids": 0, "shared_sounds": 0}
    assert "apart" not in caveats(inputs, train)


def test_children_that_train_too_are_refused_with_examples_and_the_way_out(train: Path, other: Path) -> None:
    lines = [row(other, f"v{n}", tone(0.4, hz=500 + n), child_id=f"child_{'abx'[n]}") for n in range(3)]
    message = refusal(write(other / "v.jsonl", lines), train)
    told = (
        f"data.validation_manifest: {other / 'v.jsonl'}: shares 2 children (child_a, child_b) with data.train_manifest"
    )
    assert message.startswith(told)
    assert "or set data.allow_shared_children=true, and every output says so" in message


def test_the_same_clips_are_named_by_child_id_and_sound(train: Path) -> None:
    message = refusal(write(train.with_name("v.jsonl"), spoken(train.parent, "a")), train)
    assert "shares 1 child (child_a), 3 utterance ids (a0, a1, a2), 3 clips of the very same sound (a0, a1" in message


def test_the_very_sound_is_found_under_another_id_another_child_and_in_another_file(train: Path, other: Path) -> None:
    first = spoken(train.parent, "a")[0]
    copied = row(other, "v1", audio_path="v1.wav")
    (other / "v2.flac").write_bytes((train.parent / first["audio_path"]).read_bytes())
    lines = [copied, {**copied, "utterance_id": "v2", "audio_path": "v2.flac", "md5_hash": "", "filesize_bytes": None}]
    assert "shares 1 clip of the very same sound (v2) with" in refusal(write(other / "v.jsonl", lines), train)


def test_silence_is_nobodys_sound(train: Path, other: Path) -> None:
    lines = [*spoken(train.parent, "abcd"), row(train.parent, "a9", np.zeros(8_000))]
    write(train, lines)
    inputs = scored_on(write(other / "v.jsonl", [row(other, "v1", np.zeros(8_000), child_id="child_x")]), train)
    assert not inputs.shared


@pytest.mark.parametrize("written", [" child_a", "Child_A", "child_a\u200b", "child _a"])
def test_a_child_is_the_same_however_it_is_spelled(train: Path, other: Path, written: str) -> None:
    lines = [row(other, "v1", tone(0.4, hz=500), child_id=written)]
    assert "shares 1 child (" in refusal(write(other / "v.jsonl", lines), train)


def test_what_is_allowed_goes_on_with_a_caveat(train: Path) -> None:
    validation = write(train.with_name("v.jsonl"), spoken(train.parent, "a"))
    inputs = scored_on(validation, train, "data.allow_shared_children=true")
    assert "not apart: both have 1 child, 3 utterance ids, 3 clips of the very same sound" in caveats(inputs, train)


def test_the_same_sound_on_both_sides_of_a_split_is_a_caveat(train: Path) -> None:
    """The names say that no child is in both halves; the sound says that one was heard all the same."""
    lines = [
        row(train.parent, f"{child}{n}", tone(0.3, hz=300 + n), child_id=child)
        for child in ("k", "l", "m", "n")
        for n in range(3)
    ]
    inputs = inputs_of(settings(write(train, lines)))
    assert inputs.shared.as_dict() == {"shared_children": 0, "shared_utterance_ids": 0, "shared_sounds": 3}
    assert "not apart: both have 3 clips of the very same sound" in caveats(inputs, train)


def test_two_spellings_of_a_child_never_stand_on_two_sides_of_a_split(train: Path) -> None:
    lines = [
        {**line, "child_id": spelled}
        for line in spoken(train.parent, "abcd", each=4)
        for spelled in [line["child_id"] if int(line["utterance_id"][1:]) % 2 else f"{line['child_id'].upper()} "]
    ]
    inputs = inputs_of(settings(write(train, lines)))
    assert set(inputs.split.train_children) | set(inputs.split.validation_children) == {
        "child_a", "child_b", "child_c", "child_d",
    }  # fmt: skip
    assert "spelled in several ways: 4; each is taken for one child" in caveats(inputs, train)
