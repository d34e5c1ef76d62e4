"""Beside the usual recipe: both sides do the same work on the same clips, and what cannot be measured is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from doors_here import ended_here

from raytrain.benchmarks.study_beside import write_manifests
from raytrain.errors import InputError
from raytrain.speech.corpus import prepare
from raytrain.speech.manifest import manifest_path

BENCH = [sys.executable, "-m", "raytrain.bench"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("step", "--batch", "12by3"), "12by3: wanted is a batch size and an accumulation, such as 12x3"),
        (("step", "--batch", "0x3"), "0x3: wanted is a batch size"),
        (("eval", "--rounds", "0"), "0: a whole number from 1 on is wanted"),
        (("eval", "--data", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_what_cannot_be_measured_is_refused(given: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = ended_here("raytrain.bench", *given, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_more_work_than_there_are_clips_is_refused_before_any_side_is_measured(tiny_en: Path, tmp_path: Path) -> None:
    done = ended_here("raytrain.bench", "step", "--model", tiny_en, "--batch", "100x100", cwd=tmp_path)
    assert done.returncode == 2
    assert "30000 and 16 are wanted: give more, or fewer steps and scored clips" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.soak
def test_ratios_are_those_of_both_sides_clips_a_second(tmp_path: Path) -> None:
    given = ("--model", "tiny", "--batch", "2x2", "--steps", "1", "--scored", "3", "--rounds", "1", "--threads", "1")
    done = subprocess.run([*BENCH, "step", *given, "--json"], cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert json.loads((tmp_path / "results" / "bench" / "step.json").read_text()) == found
    ours, peer = found["ours"], found["peer"]
    assert found["train_ratio"] == pytest.approx(ours["train_clips_per_s"] / peer["train_clips_per_s"], abs=1e-3)
    assert found["eval_ratio"] == pytest.approx(ours["eval_clips_per_s"] / peer["eval_clips_per_s"], abs=1e-3)
    assert found["memory_ratio"] == pytest.approx(ours["memory_gib"] / peer["memory_gib"], abs=1e-3)
    assert found["train_ratio"] > 1
    assert peer["padding_share"] > 0.8 > ours["padding_share"]


def test_a_study_beside_trains_and_scores_other_children(tmp_path: Path) -> None:
    write_manifests(manifest_path("demo"), tmp_path, train=30, scored=10)
    train, scored = (prepare(tmp_path / f"{half}.jsonl") for half in ("train", "validation"))
    assert (len(train), len(scored)) == (30, 10)
    assert set(train.child_ids).isdisjoint(scored.child_ids)
    demo = prepare(manifest_path("demo"))
    assert set(train.texts) <= set(demo.texts)


def test_a_study_beside_wants_enough_clips(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fewer than 3000 clips to train on and 10 of other children to score"):
        write_manifests(manifest_path("demo"), tmp_path, train=3000, scored=10)


@pytest.mark.soak
def test_a_study_of_ours_and_a_search_of_the_trainer_are_timed(tmp_path: Path) -> None:
    given = ("--model", "tiny", "--trials", "2", "--clips", "12", "--scored", "4", "--threads", "1", "--json")
    done = subprocess.run([*BENCH, "study", *given], cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["study_ratio"] == pytest.approx(found["peer"]["seconds"] / found["ours"]["seconds"], abs=1e-3)
    assert found["ours"]["wer"] > 0
    assert found["peer"]["wer"] > 0
