"""`python -m raytrain.data import` as a person meets it: what is said before and after, statuses, JSON, a stop."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from import_sources import clips, common_voice, kaldi, table, without_speakers, written

MADE = clips(12)
COMMAND = (sys.executable, "-m", "raytrain.data", "import")


def door(*arguments: object, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True, text=True, cwd=folder, env={**os.environ, **environment}, timeout=120, check=False,
    )  # fmt: skip


def test_what_is_meant_is_shown_first_and_what_came_of_it_last(tmp_path: Path) -> None:
    common_voice(tmp_path / "cv-corpus" / "de", MADE)
    done = door("cv-corpus/de", "--to", "my", folder=tmp_path)
    shown = done.stderr.splitlines()
    assert shown[0].endswith("cv-corpus/de: Common Voice (its other splits: dev), split validated; 12 rows")
    assert "  speaker  client_id (by its name)" in shown
    assert "years 3 and 4 are 3-4" in done.stderr
    totals, buckets, way_on = done.stdout.splitlines()
    assert totals == "12 utterances; 7 children, 0.00 h usable"
    assert buckets == "age buckets: 3-4 3, 5-7 3, 8-11 2, 12+ 4"
    assert way_on.startswith(f"{tmp_path}/my/manifest.jsonl: `python -m raytrain.tune --baseline small data.train_mani")
    assert done.returncode == 0


def test_json_is_one_object_with_all_of_it(tmp_path: Path) -> None:
    without_speakers(tmp_path / "a.parquet", MADE)
    done = door("a.parquet", "--to", "my", "--each-its-own-speaker", "--json", folder=tmp_path)
    told = json.loads(done.stdout)
    assert (told["kind"], told["rows"], told["usable"], told["children"]) == ("Parquet", 12, 12, 12)
    assert told["columns"]["audio"] == {"column": "audio", "how": "by the sound in it"}
    assert told["columns"]["speaker"] is None
    assert told["manifest"] == f"{tmp_path}/my/manifest.jsonl"
    assert "a child may be in both halves" in told["caveats"][0]
    assert "caveat: Who speaks is not known" in done.stderr


def test_bad_rows_are_listed_and_over_the_share_refused(tmp_path: Path) -> None:
    (common_voice(tmp_path / "de", MADE) / "clips" / "clip003.flac").unlink()
    done = door("de", "--to", "my", folder=tmp_path)
    assert done.stdout.splitlines()[0].startswith("de: line 5: clip003: missing_file: no such file: ")
    assert done.stderr.splitlines()[-1].endswith("Mend them, or raise --max-bad-share")
    assert done.returncode == 2
    assert door("de", "--to", "my", "--max-bad-share", "0.1", folder=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["somebody/speech"], "there is no such file or folder, and the hub cannot be reached ("),
        (["train", "--each-its-own-speaker", "--speaker", "x"], "--speaker x: "),
        (["train", "--max-bad-share", "2"], "--max-bad-share 2: must be a share from 0 to 1"),
        (["pipes"], "a pipe (`cat x.flac |`), 1 in all, and none is run here"),
        (["none.csv"], "there is no such file or folder; a table (CSV"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_nothing_is_written(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    kaldi(tmp_path / "train", MADE)
    (kaldi(tmp_path / "pipes", MADE) / "wav.scp").write_text("rec0 cat x.flac |\n")
    done = door(*arguments, "--to", "my", folder=tmp_path, HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="0")
    (line,) = done.stderr.splitlines()
    assert told in line
    assert (done.returncode, done.stdout, (tmp_path / "my").exists()) == (2, "", False)


def test_an_import_that_is_stopped_ends_with_the_command_that_goes_on(tmp_path: Path) -> None:
    written(tmp_path, MADE[:1])
    rows = [{"id": f"u{number}", "path": "clip000.flac", "text": "hi", "speaker": "c"} for number in range(30_000)]
    table(tmp_path / "list.csv", rows)
    command = [*COMMAND, "list.csv", "--to", "my"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("my/.import/*.json")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1].endswith("-m raytrain.data import list.csv --to my")
    assert not (tmp_path / "my" / "manifest.jsonl").exists()
