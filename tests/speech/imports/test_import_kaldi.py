"""Kaldi directories: recordings cut by segments, paths as recipes write them, and commands that are never run."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from import_sources import clips, imported, kaldi, lines_of

MADE = clips(12)


def rewrite(path: Path, change: object) -> None:
    """Each line of a file through a function."""
    path.write_text("".join(f"{change(line)}\n" for line in path.read_text().splitlines()))  # type: ignore[operator]


def test_segments_are_cut_to_the_sample(tmp_path: Path) -> None:
    imported(kaldi(tmp_path / "train", MADE), tmp_path / "my")
    cut = {line["utterance_id"]: tmp_path / "my" / line["audio_path"] for line in lines_of(tmp_path / "my")}
    assert {name: soundfile.read(path, dtype="int16")[0].tobytes() for name, path in cut.items()} == {
        one.name: one.sound.tobytes() for one in MADE
    }


def test_without_segments_each_recording_is_an_utterance_and_is_referred_to(tmp_path: Path) -> None:
    folder = kaldi(tmp_path / "train", MADE, segments=False)
    imported(folder, tmp_path / "my")
    assert [line["audio_path"] for line in lines_of(tmp_path / "my")] == [
        str(folder / "wav" / f"{one.name}.flac") for one in MADE
    ]


def test_paths_start_from_the_working_folder_as_in_a_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = kaldi(tmp_path / "deep" / "down" / "below" / "a" / "train", MADE, segments=False)
    (folder / "wav").rename(tmp_path / "corpus")
    rewrite(folder / "wav.scp", lambda line: line.replace("wav/", "corpus/"))
    monkeypatch.chdir(tmp_path)
    assert imported(folder, tmp_path / "my").tally.usable == 12


@pytest.mark.parametrize("command", ["sph2pipe -f wav -p {} |", "cat {} |", "touch ran; cat {} |"])
def test_a_pipe_is_shown_with_the_way_out_and_never_run(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kaldi(tmp_path / "train", MADE)
    rewrite(folder / "wav.scp", lambda line: line.replace("rec0.flac", command.format("rec0.flac")))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"wav\.scp:1: rec0: a pipe .*, 1 in all, and none is run here; .*write each"):
        imported(folder, tmp_path / "my")
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_what_is_missing_somewhere_is_listed_by_its_line_in_text(tmp_path: Path) -> None:
    folder = kaldi(tmp_path / "train", MADE)
    for name, utterance in (("segments", "clip001"), ("utt2spk", "clip003")):
        lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("".join(f"{line}\n" for line in lines if not line.startswith(utterance)))
    rewrite(folder / "text", lambda line: "clip005" if line.startswith("clip005") else line)
    rewrite(folder / "segments", lambda line: line.replace("clip007 rec1", "clip007 lost"))
    found = imported(folder, tmp_path / "my", share=0.5)
    assert {(problem.line, problem.utterance_id, str(problem.kind)) for problem in found.problems} == {
        (2, "clip001", "missing_field"),
        (4, "clip003", "missing_field"),
        (6, "clip005", "empty_transcript"),
        (8, "clip007", "missing_file"),
    }
    assert found.tally.usable == 8


@pytest.mark.parametrize(
    ("times", "kind"),
    [
        ("1.0 0.5", "zero_length"),
        ("900 901", "zero_length"),
        ("nan 1", "zero_length"),
        ("0 inf", "zero_length"),
        ("one two", "wrong_type"),
        ("0.1", "wrong_type"),
    ],
)
def test_a_segment_that_is_none_is_listed(times: str, kind: str, tmp_path: Path) -> None:
    folder = kaldi(tmp_path / "train", MADE)
    rewrite(folder / "segments", lambda line: f"clip000 rec0 {times}" if line.startswith("clip000") else line)
    found = imported(folder, tmp_path / "my", share=0.5)
    assert [(problem.utterance_id, str(problem.kind)) for problem in found.problems] == [("clip000", kind)]


def test_a_segment_to_the_end_is_the_rest(tmp_path: Path) -> None:
    folder = kaldi(tmp_path / "train", MADE)
    rewrite(folder / "segments", lambda line: "clip000 rec0 0.5 -1" if line.startswith("clip000") else line)
    imported(folder, tmp_path / "my")
    whole = soundfile.info(folder / "rec0.flac").frames
    line = next(line for line in lines_of(tmp_path / "my") if line["utterance_id"] == "clip000")
    assert soundfile.info(tmp_path / "my" / line["audio_path"]).frames == whole - 8_000


def test_each_recording_is_decoded_once_however_its_segments_are_ordered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from raytrain.speech.imports import take

    read, asked = take.read, []
    monkeypatch.setattr(take, "read", lambda sound: asked.append(sound.name) or read(sound))
    imported(kaldi(tmp_path / "train", MADE), tmp_path / "my")  # the two recordings take turns in `segments`
    assert sorted(asked) == ["rec0.flac", "rec1.flac"]


def test_no_utt2spk_is_refused_with_two_ways_out(tmp_path: Path) -> None:
    folder = kaldi(tmp_path / "train", MADE)
    (folder / "utt2spk").unlink()
    with pytest.raises(ValueError, match=r"give it an utt2spk; or .* `--each-its-own-speaker`"):
        imported(folder, tmp_path / "my")
    rows = {one.child: [] for one in MADE}
    for one in MADE:
        rows[one.child].append(one.name)
    (folder / "spk2utt").write_text("".join(f"{child} {' '.join(names)}\n" for child, names in rows.items()))
    assert imported(folder, tmp_path / "my").children == {one.child for one in MADE}


def test_an_utt2spk_of_utterances_for_speakers_says_nothing_of_who_speaks(tmp_path: Path) -> None:
    folder = kaldi(tmp_path / "train", MADE)
    (folder / "utt2spk").write_text("".join(f"{one.name} {one.name}\n" for one in MADE))
    imported(folder, tmp_path / "my")
    assert {line["child_is_known"] for line in lines_of(tmp_path / "my")} == {False}


def test_an_id_that_stands_twice_is_named(tmp_path: Path) -> None:
    folder = kaldi(tmp_path / "train", MADE)
    (folder / "text").write_text("clip000 one\nclip000 two\n")
    with pytest.raises(ValueError, match=r"text:2: clip000 stands in line 1, too"):
        imported(folder, tmp_path / "my")


def test_directories_below_are_splits(tmp_path: Path) -> None:
    for name in ("train", "test"):
        kaldi(tmp_path / "data" / name, MADE[:4], segments=False)
    with pytest.raises(ValueError, match=r"has several splits; name one by --split, .*: test, train"):
        imported(tmp_path / "data", tmp_path / "my")
    assert imported(tmp_path / "data", tmp_path / "my", split="test").tally.usable == 4


def test_one_minute_of_speech_in_a_recording_of_two_channels_is_mixed(tmp_path: Path) -> None:
    folder = kaldi(tmp_path / "train", MADE)
    sound, rate = soundfile.read(folder / "rec0.flac", dtype="int16")
    soundfile.write(folder / "rec0.flac", np.stack([sound, sound], axis=1), rate)
    imported(folder, tmp_path / "my")
    first = next(line for line in lines_of(tmp_path / "my") if line["utterance_id"] == "clip000")
    written, _ = soundfile.read(tmp_path / "my" / first["audio_path"], dtype="int16")
    assert written.tobytes() == MADE[0].sound.tobytes()
