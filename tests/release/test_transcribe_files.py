"""What is heard in sound files: of any rate, length and number; as text, JSON lines and subtitles; and what is not."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from doors_here import ended_here

from raytrain.errors import InputError
from raytrain.release.listener import Listener
from raytrain.release.models import find_model
from raytrain.release.sound_files import SoundFile, sound_files, targets
from raytrain.release.transcribe import Unread, transcribe_files
from raytrain.release.transcripts import Segment, Transcript

ADULT = Path(__file__).parents[1] / "data" / "adult"
CARDS, NOVEL = sorted(ADULT.glob("*.flac"))


@pytest.fixture(scope="module")
def listener(tiny_en: Path) -> Listener:
    return Listener(find_model(str(tiny_en)), num_beams=1, batch_size=4)


def heard(listener: Listener, files: Sequence[Path]) -> list[Transcript | Unread]:
    named = [SoundFile(path, Path(path.name)) for path in files]
    return list(transcribe_files(listener, named, progress=lambda done, total: None))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_sound_of_any_rate_and_channel_count_is_heard_alike(listener: Listener, tmp_path: Path) -> None:
    samples, rate = soundfile.read(CARDS)
    files = [CARDS]
    for other, channels in ((44_100, 1), (48_000, 2), (22_050, 3)):
        files.append(tmp_path / f"{other}.wav")
        resampled = soxr.resample(samples, rate, other)
        soundfile.write(files[-1], np.stack([resampled] * channels, axis=1), other)
    found = heard(listener, files)
    texts = [words(one.text) for one in found if isinstance(one, Transcript)]
    assert texts == [texts[0]] * 4
    assert texts[0][:3] == ["eight", "of", "spades"]


def test_a_long_recording_is_heard_in_windows_that_follow_on_each_other_and_cut_no_word(
    listener: Listener, tmp_path: Path
) -> None:
    speech, rate = soundfile.read(NOVEL)
    quiet = np.zeros(2 * rate)
    times = int(70 * rate / len([*speech, *quiet])) + 1
    soundfile.write(tmp_path / "long.flac", np.concatenate([speech, quiet] * times), rate)
    (found,) = heard(listener, [tmp_path / "long.flac"])
    assert isinstance(found, Transcript)
    spans = [(one.start_s, one.end_s) for one in found.segments]
    assert (spans[0][0], spans[-1][1]) == (0, pytest.approx(found.duration_s))
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert max(end - start for start, end in spans) <= 30
    period = (len(speech) + len(quiet)) / rate
    assert all(end % period > len(speech) / rate for _, end in spans[:-1])  # every cut lies in a silence


def test_files_that_cannot_be_read_have_a_reason_and_the_others_words(listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "phone.m4a").write_bytes(b"\0\0\0\x1cftypM4A \0\0\0\0M4A mp42isom")
    found = heard(listener, [tmp_path / "empty.wav", CARDS, tmp_path / "gone.wav", tmp_path / "phone.m4a", NOVEL])
    assert [type(one) for one in found] == [Unread, Transcript, Unread, Unread, Transcript]
    reasons = [one.reason for one in found if isinstance(one, Unread)]
    assert ["empty" in reasons[0], "no such file" in reasons[1], "ffmpeg" in reasons[2]] == [True] * 3
    assert [one.path for one in found][1::3] == [CARDS, NOVEL]


def test_subtitles_have_the_windows_times_and_no_empty_block() -> None:
    segments = [Segment(0, 27.5, "one"), Segment(27.5, 55, ""), Segment(55, 3661.0626, "two")]
    assert Transcript(Path("a.wav"), 3661.0626, segments).written("srt") == (
        "1\n00:00:00,000 --> 00:00:27,500\none\n\n2\n00:00:55,000 --> 01:01:01,063\ntwo\n"
    )


def test_a_folder_stands_for_the_sound_in_it_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.wav", "a.FLAC", "notes.txt", ".hidden.wav", "deep/c.mp3", "deep/er/d.m4a"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    files = sound_files([str(tmp_path / "in" / "b.wav"), str(tmp_path / "in")])
    assert [str(one.below) for one in files] == ["b.wav", "a.FLAC", "deep/c.mp3", "deep/er/d.m4a"]
    assert targets(files, to=Path("out"), suffix=".srt")[2:] == [Path("out/deep/c.srt"), Path("out/deep/er/d.srt")]


def test_two_files_of_one_stem_get_a_transcript_each(tmp_path: Path) -> None:
    files = [SoundFile(tmp_path / name, Path(name)) for name in ("a.wav", "a.flac", "b.wav")]
    assert targets(files, to=Path("out"), suffix=".txt") == [
        Path("out/a.wav.txt"),
        Path("out/a.flac.txt"),
        Path("out/b.txt"),
    ]
    files = [SoundFile(tmp_path / folder / "a.wav", Path("a.wav")) for folder in ("x", "y")]
    with pytest.raises(InputError, match=r"would both be out/a.wav.txt"):
        targets(files, to=Path("out"), suffix=".txt")


def door(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "raytrain.transcribe", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180, cwd=cwd)


def test_the_door_writes_a_file_each_goes_on_and_ends_in_1_where_one_was_unreadable(fit: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    asked = (fit, CARDS, tmp_path / "broken.wav", NOVEL, "--form", "jsonl", "--to", "out")
    done = door(*asked, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "window condensed: 30 s" in done.stderr
    assert "1 of 3 files could not be read" in done.stderr
    written = [tmp_path / "out" / f"{path.stem}.json" for path in (CARDS, NOVEL)]
    assert done.stdout.split() == [str(path) for path in written]
    assert [json.loads(path.read_text())["file"] for path in written] == [str(CARDS), str(NOVEL)]
    before = [path.read_bytes() for path in written]
    again = door(*asked, "--json", cwd=tmp_path)
    told = json.loads(again.stdout)
    assert ([one["file"] for one in told["failed"]], told["files"]) == ([str(tmp_path / "broken.wav")], [])
    assert "2 of 3 transcripts are there already" in again.stderr
    assert [path.read_bytes() for path in written] == before


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["model"], "the following arguments are required: FILE"),
        (["/no/model", "here.wav"], "there is no folder /no/model"),
        (["model", "gone.wav", "gone-too.wav"], "gone.wav: there is no such file, nor"),
        (["model", "bare"], "no sound files in this folder"),
        (["model", "here.wav", "--form", "vtt"], "invalid choice: 'vtt'"),
        (["model", "here.wav", "gone.wav", "--form", "srt"], "add --to FOLDER"),
        (["model", "here.wav", "--batch-size", "0"], "--batch-size 0: must be at least 1"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: list[str], fact: str, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "here.wav").touch()
    refused = ended_here("raytrain.transcribe", *arguments, cwd=tmp_path)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1), refused.stderr
    assert fact in refused.stderr
