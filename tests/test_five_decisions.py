"""The five decisions that baselines/README.md names: each test goes red when its decision is broken."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from raytrain.config.reader import load_baseline

ROOT = Path(__file__).parents[1]
MEDIUM_SHA256 = "ce37c427d6cb1a71e03c07ef40f78ebe8ea171366a69212ecb65b36e7f5ebded"


def dry_run(*arguments: str) -> dict:
    command = [sys.executable, "-m", *arguments, "--dry-run", "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)


@pytest.mark.parametrize("door", ["raytrain.fit", "raytrain.tune"])
def test_with_nothing_said_the_model_is_small(door: str) -> None:
    config = dry_run(door)["config"]
    assert config["model"]["variant"] == "small"
    assert config["model"]["pretrained"] == "openai/whisper-small"


@pytest.mark.parametrize("door", ["raytrain.fit", "raytrain.tune"])
def test_small_trains_12_times_3(door: str) -> None:
    said = dry_run(door)
    assert said["config"]["training"]["batch_size"] == 12
    assert said["config"]["training"]["gradient_accumulation_steps"] == 3
    assert said["derived"]["effective_batch_size"] == 36


def test_medium_is_byte_for_byte_what_it_was() -> None:
    assert hashlib.sha256((ROOT / "baselines/medium.yaml").read_bytes()).hexdigest() == MEDIUM_SHA256


def test_medium_runs_beside_small_with_the_settings_it_had() -> None:
    medium, small = load_baseline("medium"), load_baseline("small")
    assert (medium.training.batch_size, medium.training.gradient_accumulation_steps) == (8, 4)
    assert medium.audio.window == "full"
    assert small.audio.window == "fitted"
    assert medium.training.model_dump(exclude={"batch_size", "gradient_accumulation_steps"}) == (
        small.training.model_dump(exclude={"batch_size", "gradient_accumulation_steps"})
    )


def test_an_archived_run_comes_back_byte_for_byte(tmp_path: Path) -> None:
    run = tmp_path / "results" / "2026-01-01_medium"
    (run / "checkpoints" / "step-001000").mkdir(parents=True)
    (run / "fit.json").write_text('{"eval_wer": 0.2}\n')
    (run / "checkpoints" / "step-001000" / "model.safetensors").write_bytes(bytes(range(256)) * 64)
    (run / "tensorboard").mkdir()
    (run / "tensorboard" / "events.out.tfevents.1").write_bytes(b"events")
    before = {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "raytrain.archive"]
    subprocess.run([*command, "add", str(run), "--why", "small is the baseline now"], check=True, cwd=tmp_path)
    assert not run.exists()
    subprocess.run([*command, "restore", "2026-01-01_medium"], check=True, cwd=tmp_path)
    assert {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
