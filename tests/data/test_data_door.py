"""`python -m raytrain.data`: exit statuses, lines and JSON, as a person meets them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from doors_here import ended_here


def data(*arguments: str, cache: Path) -> subprocess.CompletedProcess:
    return ended_here("raytrain.data", *arguments, RAYTRAIN_CACHE=str(cache), RAYTRAIN_MODELS="")


def started(*arguments: str, cache: Path, models: Path | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "raytrain.data", *arguments]
    environment = {**os.environ, "RAYTRAIN_CACHE": str(cache), "RAYTRAIN_MODELS": str(models or "")}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


@pytest.fixture
def one_lost(tmp_path: Path) -> Path:
    """A manifest of two utterances, the second's file missing."""
    soundfile.write(tmp_path / "a.flac", np.full(8_000, 0.1), 16_000)
    lines = [
        {"utterance_id": name, "child_id": "c", "audio_path": f"{name}.flac", "orthographic_text": "hi", **more}
        for name, more in (("a", {"age_bucket": "adult"}), ("b", {"age_bucket": "3-4"}))
    ]
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path / "manifest.jsonl"


def test_check_lists_what_is_wrong_with_totals_and_exits_1(one_lost: Path, tmp_path: Path) -> None:
    done = started("check", str(one_lost), cache=tmp_path)
    noted, wrong, totals, halves = done.stdout.splitlines()
    assert noted.startswith(f"{one_lost}: note: line 1: a: age_bucket: 'adult' is not one of ")
    assert wrong == f"{one_lost}: line 2: b: missing_file: no such file: {tmp_path / 'b.flac'}"
    assert totals == "1 utterances; 1 left out (1 missing_file); noted: 1 age_bucket; 1 children, 0.00 h usable"
    assert halves.startswith("note       data.group_by: the manifest has 1 child, and no child may be in both halves")
    assert (done.returncode, done.stderr) == (1, "")


def test_what_is_wrong_with_every_line_is_said_once_with_the_way_out(tmp_path: Path) -> None:
    other = {"utterance_id": "a", "speaker": "c", "audio_path": "a.flac", "orthographic_text": "hi"}
    right = {"utterance_id": "a", "child_id": "c", "audio_path": "a.flac", "orthographic_text": "hi"}
    path = tmp_path / "my.jsonl"
    said = []
    for line in (other, right):
        lines = [{**line, "utterance_id": name, "audio_path": f"{name}.flac"} for name in "abc"]
        path.write_text("".join(json.dumps(one) + "\n" for one in lines))
        done = data("check", str(path), cache=tmp_path)
        assert done.returncode == 1
        said.append(done.stdout.strip())
    told = f"python -m raytrain.data import {path} --to FOLDER takes columns of other names"
    assert said[0] == f"{path}: none of its 3 lines has child_id; {told}"
    looked_for = f"none of its 3 sound files is there; the first looked for is {tmp_path / 'a.flac'}"
    assert said[1] == f"{path}: {looked_for}; paths are relative to the manifest's folder"


def test_check_says_the_same_in_json(one_lost: Path, tmp_path: Path) -> None:
    done = data("check", str(one_lost), "--json", cache=tmp_path)
    printed = json.loads(done.stdout)
    assert (printed["usable"], printed["left_out"], printed["noted"]) == (1, {"missing_file": 1}, {"age_bucket": 1})
    assert [(p["line"], p["kind"], p["fatal"]) for p in printed["problems"]] == [
        (1, "age_bucket", False),
        (2, "missing_file", True),
    ]


def test_ids_are_printed_without_what_moves_a_terminals_cursor(one_lost: Path, tmp_path: Path) -> None:
    odd = "\x1b[31mred\x1b[0m\u202eeman\nline 9: fine"
    fields = {"child_id": "c", "audio_path": f"{odd}.flac", "orthographic_text": "hi", "age_bucket": "3-4"}
    one_lost.write_text(json.dumps({"utterance_id": odd, **fields}) + "\n")
    wrong, totals, _ = data("check", str(one_lost), cache=tmp_path).stdout.splitlines()
    assert wrong.startswith(f"{one_lost}: line 1: \\x1b[31mred\\x1b[0m\\u202eeman\\nline 9: fine: missing_file: ")
    assert wrong.isprintable()
    assert totals.startswith("0 utterances; 1 left out")


def test_more_problems_than_anybody_reads_are_counted(one_lost: Path, tmp_path: Path) -> None:
    with one_lost.open("a") as file:
        file.write("{}\n" * 1_500)
    lines = data("check", str(one_lost), cache=tmp_path).stdout.splitlines()
    assert len(lines) == 1_005
    assert lines[-3] == f"{one_lost}: 500 more of missing_field"
    printed = json.loads(data("check", str(one_lost), "--json", cache=tmp_path).stdout)
    assert (len(printed["problems"]), printed["unlisted"]) == (1_002, {"missing_field": 500})


def test_check_of_the_demo_is_clean(tmp_path: Path) -> None:
    done = data("check", "demo", cache=tmp_path)
    totals, trains, scores, too_few = done.stdout.splitlines()
    assert (done.returncode, totals) == (0, "200 utterances; 30 children, 0.12 h usable")
    assert trains.startswith("trains     179 clips of 27 children: 58 of 9 aged 3-4")
    assert scores.startswith("scores     21 clips of 3 children")
    assert too_few.startswith("note       with 3 validation children no verdict is possible")


def test_prepare_makes_the_corpus_once_and_tells_where(tmp_path: Path) -> None:
    first, second = (started("prepare", "demo", "--json", cache=tmp_path) for _ in range(2))
    printed = json.loads(first.stdout)
    assert Path(printed["folder"]).is_dir()
    assert (printed["usable"], printed["children"], printed["synthetic"]) == (200, 30, True)
    assert second.stdout == first.stdout


def test_prepare_refuses_too_many_bad_utterances_with_status_2(one_lost: Path, tmp_path: Path) -> None:
    done = data("prepare", str(one_lost), cache=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "1 or more of 2 utterances are unusable" in done.stderr


def test_a_missing_manifest_exits_2_with_one_line(tmp_path: Path) -> None:
    done = data("check", "nowhere.jsonl", cache=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "nowhere.jsonl: no such manifest; give a JSON-lines file, or `demo` for the packaged corpus\n"
    )


def test_labels_are_counted_with_whispers_own_tokenizer(tmp_path: Path, tiny_en: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.full(8_000, 0.1), 16_000)
    line = {"child_id": "c", "audio_path": "a.flac", "age_bucket": "3-4"}
    texts = {"plain": "the cat sat on the mat " * 50, "odd": "zxqvj " * 200}
    lines = [line | {"utterance_id": name, "orthographic_text": text} for name, text in texts.items()]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = started("check", str(tmp_path / "m.jsonl"), "--json", cache=tmp_path, models=tiny_en.parent)
    assert [(p["utterance_id"], p["kind"]) for p in json.loads(done.stdout)["problems"]] == [("odd", "label_too_long")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: {import,check,prepare}"),
        (("check",), "the following arguments are required: MANIFEST"),
        (("chek", "demo"), "invalid choice: 'chek'"),
        (("check", "demo", "--max-label-tokens", "0"), "--max-label-tokens 0: must be at least 1"),
        (("prepare", "demo", "--max-bad-share", "nan"), "--max-bad-share nan: must be a share from 0 to 1"),
    ],
)
def test_a_wrong_argument_gets_one_line(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = data(*arguments, cache=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert message in done.stderr
