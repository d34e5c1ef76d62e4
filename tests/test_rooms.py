"""What a room may load: a typo must answer within a second, and a bare GPU machine has no Ray."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "ray", "wandb", "optuna", "datasets")

LIGHT_MODULES = [
    "raytrain.cli",
    "raytrain.config.reader",
    "raytrain.config.derived",
    "raytrain.results.ledger",
    "raytrain.report.write",
    "raytrain.results.significance",
    "raytrain.fit",
    "raytrain.tune",
    "raytrain.data",
    "raytrain.plan",
    "raytrain.report.__main__",
    "raytrain.archive.__main__",
    "raytrain.export",
    "raytrain.score",
    "raytrain.transcribe",
]
RAYLESS_MODULES = [
    "raytrain.training.session",
    "raytrain.whisper.weights",
    "raytrain.whisper.decoding",
    "raytrain.speech.corpus",
    "raytrain.tracking.tracked_run",
]
WITHOUT_TORCH = [
    "raytrain.study.run_study",
    "raytrain.trial.driver",
    "raytrain.trial.worker",
    "raytrain.trial.alone",
]


def loaded_after_importing(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_bad_input_can_be_told_before_torch_or_ray_is_imported(module: str) -> None:
    assert loaded_after_importing(module).isdisjoint(HEAVY)


@pytest.mark.parametrize("module", RAYLESS_MODULES)
def test_a_machine_without_ray_can_load_the_training_side(module: str) -> None:
    assert loaded_after_importing(module).isdisjoint({"ray", "optuna"})


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_a_study_and_a_worker_whose_training_is_forked_import_no_torch(module: str) -> None:
    assert "torch" not in loaded_after_importing(module)


def test_what_a_worker_is_handed_brings_no_tune_with_it() -> None:
    assert "ray.tune" not in loaded_after_importing("raytrain.trial.alone")
