"""Real weights and real speech. Both are shared by all tests of this room: a test that changes them makes its own."""

from pathlib import Path

import pytest
import soundfile
import torch
from transformers import WhisperFeatureExtractor

from raytrain.config.baseline import Model
from raytrain.whisper.weights import Whisper, load

ADULT = Path(__file__).parent.parent / "data" / "adult"


@pytest.fixture(scope="session")
def tiny_model(tiny_en: Path) -> Model:
    return Model(variant="tiny", pretrained=str(tiny_en), gradient_checkpointing=False)


@pytest.fixture(scope="session")
def tiny(tiny_model: Model) -> Whisper:
    """openai/whisper-tiny.en, ready to decode."""
    whisper = load(tiny_model, seed=0)
    whisper.model.eval()
    return whisper


@pytest.fixture(scope="session")
def adult_mel() -> torch.Tensor:
    """The two recordings of tests/data/adult at the full window: [2, 80, 3000]."""
    clips = [soundfile.read(path, dtype="float32")[0] for path in sorted(ADULT.glob("*.flac"))]
    features: torch.Tensor = WhisperFeatureExtractor()(clips, sampling_rate=16000, return_tensors="pt").input_features
    return features
