"""The five decisions that baselines/README.md names: each test goes red when its decision is broken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from raytrain.config.reader import load_baseline

ROOT = Path(__file__).parents[1]
WHAT_MEDIUM_WAS_TRAINED_WITH = {
    "model": {
        "variant": "medium",
        "pretrained": "openai/whisper-medium",
        "language": "en",
        "task": "transcribe",
        "dropout": 0.1,
        "freeze_encoder": False,
        "gradient_checkpointing": True,
    },
    "audio": {"window": "full", "max_window_s": 30.0},
    "data": {"validation_ratio": 0.1, "stratify_by": "age_bucket"},
    "training": {
        "batch_size": 8,
        "gradient_accumulation_steps": 4,
        "learning_rate": 1e-5,
        "warmup_steps": 500,
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "num_epochs": 10,
        "max_steps": None,
        "precision": "fp16",
        "optimizer": "adamw",
        "schedule": "linear",
        "spec_augment": None,
        "seed": 42,
        "early_stopping_patience": None,
        "keep_best": 3,
        "checkpoint_every_steps": 1000,
    },
    "evaluation": {"every_steps": 500},
    "prediction": {"num_beams": 5, "max_new_tokens": 448},
    "scaling": {"num_workers": 1},
}


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


def test_medium_has_the_settings_it_was_trained_with() -> None:
    """Whatever keys a baseline gains: each setting that the medium run had resolves to what it was."""
    medium = load_baseline("medium").model_dump()
    kept = {
        section: {key: medium[section][key] for key in settings}
        for section, settings in WHAT_MEDIUM_WAS_TRAINED_WITH.items()
    }
    assert kept == WHAT_MEDIUM_WAS_TRAINED_WITH


def test_small_differs_from_medium_in_model_split_and_window_alone() -> None:
    small, medium = load_baseline("small").model_dump(), load_baseline("medium").model_dump()
    small["model"] |= {"variant": "medium", "pretrained": "openai/whisper-medium"}
    small["training"] |= {"batch_size": 8, "gradient_accumulation_steps": 4}
    small["audio"] |= {key: medium["audio"][key] for key in ("window", "margin_s", "step_s")}
    assert small == medium


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
