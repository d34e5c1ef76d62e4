"""Three checkpoints of a real, very short fit, shared by all tests of this room: who changes one takes a copy."""

from pathlib import Path

import pytest
import torch
from exported_runs import train


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def fit(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """openai/whisper-tiny.en after one, two and three steps on the demo corpus."""
    folder = tmp_path_factory.mktemp("results") / "2026-01-01_tiny"
    return train(folder, f"model.pretrained={tiny_en}", "training.max_steps=3")
