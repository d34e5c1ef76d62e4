"""Records for tests, made through TrialRecord as a study makes them."""

from typing import Any

from raytrain.results.records import Outcome, TrialRecord


def config(batch_size: int = 12, accumulation: int = 3, learning_rate: float = 1e-5, **model: Any) -> dict[str, Any]:
    """The part of a resolved baseline that results look at."""
    return {
        "model": {"name": "whisper", "variant": "small", "pretrained": "openai/whisper-small", **model},
        "data": {"train_manifest": "demo"},
        "training": {
            "batch_size": batch_size,
            "gradient_accumulation_steps": accumulation,
            "learning_rate": learning_rate,
        },
        "scaling": {"num_workers": 1},
    }


def record(number: int, **given: Any) -> TrialRecord:
    """A completed trial, different in what is given."""
    values: dict[str, Any] = {
        "trial_id": f"t{number:03d}",
        "number": number,
        "sample": {},
        "config": config(),
        "effective_batch_size": 36,
        "outcome": Outcome.COMPLETED,
        "seed": 42,
        "started_at": f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z",
        "ended_at": f"2026-01-01T01:{number // 60:02d}:{number % 60:02d}Z",
        "wall_s": 3600.0,
    }
    return TrialRecord(**{**values, **given})
