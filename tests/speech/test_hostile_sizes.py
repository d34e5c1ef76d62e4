"""Hostile and huge data cost no more memory than is promised: measured in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from recordings import row, tone

MEASURED = (
    "import resource, subprocess, sys; done = subprocess.run([sys.executable, '-m', 'raytrain.data', *sys.argv[1:]]); "
    "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print(done.returncode, used.ru_maxrss, used.ru_utime + used.ru_stime, file=sys.stderr)"
)


def data(command: str, manifest: Path, *more: str) -> tuple[int, int, float, str]:
    """The door's exit status, its largest resident set in MiB, its seconds of computing, and its line of totals."""
    environment = {**os.environ, "RAYTRAIN_CACHE": str(manifest.parent / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, command, str(manifest), *more],
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
        check=True,
    )
    status, kib, seconds = done.stderr.splitlines()[-1].split()
    printed = done.stdout.splitlines() or done.stderr.splitlines()
    totals = next((line for line in printed if line.endswith(" usable")), printed[-1])
    return int(status), int(kib) // 1024, float(seconds), totals


def lines(folder: Path, audio: list[str], **fields: str) -> Path:
    rows = [
        {"utterance_id": f"u{number}", "child_id": f"c{number % 500}", "audio_path": name, "age_bucket": "5-7"}
        | {"orthographic_text": f"the words of utterance {number}", **fields}
        for number, name in enumerate(audio)
    ]
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "m.jsonl"


def hours_of_silence(path: Path, hours: float) -> None:
    with soundfile.SoundFile(path, "w", 16_000, 1, format="FLAC") as file:
        for _ in range(round(hours * 6)):
            file.write(np.zeros(600 * 16_000, np.int16))


def test_small_files_that_hold_hours_of_sound_stay_under_a_gibibyte(tmp_path: Path) -> None:
    hours_of_silence(tmp_path / "a.flac", 2.5)
    assert (tmp_path / "a.flac").stat().st_size < 2**20
    status, mib, _, last = data("check", lines(tmp_path, ["a.flac"] * 2))
    assert (status, last.split("; ")[1]) == (1, "2 left out (2 too_large)")
    assert mib < 600


def test_a_line_of_hundreds_of_megabytes_is_refused_without_being_held(tmp_path: Path) -> None:
    row(tmp_path, "a", tone(0.5))
    manifest = lines(tmp_path, ["a.flac", "a.flac"])
    good = manifest.read_bytes()
    with manifest.open("wb") as file:
        file.write(good.splitlines(keepends=True)[0] + b'{"utterance_id": "')
        file.writelines([b"x" * 2**20] * 300)
        file.write(b'"}\n' + good.splitlines(keepends=True)[1])
    status, mib, _, last = data("check", manifest)
    assert (status, last.split("; ")[:2]) == (1, ["2 utterances", "1 left out (1 too_large)"])
    assert mib < 200


@pytest.mark.soak
def test_the_longest_recordings_that_are_taken_are_prepared_under_a_gibibyte(tmp_path: Path) -> None:
    hours_of_silence(tmp_path / "a.flac", 2.0)
    status, mib, _, last = data("prepare", lines(tmp_path, ["a.flac"] * 4))
    assert (status, last.split("; ")[0]) == (0, "4 utterances")
    assert mib < 1024


@pytest.mark.soak
@pytest.mark.parametrize("name", ["{}.flac", "lost-{}.flac"])
def test_time_grows_with_the_lines_of_a_manifest_and_memory_hardly(tmp_path: Path, name: str) -> None:
    for number in range(8):
        row(tmp_path, str(number), tone(0.1 + 0.01 * number))
    used = {}
    for count in (50_000, 200_000):
        _, mib, seconds, _ = data("check", lines(tmp_path, [name.format(n % 8) for n in range(count)]))
        used[count] = (mib, seconds)
    assert used[200_000][1] < 6 * used[50_000][1]
    assert used[200_000][0] < used[50_000][0] + 150  # 500,000 lines stay far below 2 GiB
