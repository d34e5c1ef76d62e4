"""Records for tests that need no training."""

from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.results.records import Outcome, TrialRecord


def record(number: int, config: Baseline, *, outcome: Outcome = Outcome.COMPLETED, **fields: Any) -> TrialRecord:
    values: dict[str, Any] = {
        "trial_id": f"trial-{number:04}",
        "number": number,
        "sample": {},
        "config": config,
        "effective_batch_size": config.effective_batch_size(),
        "outcome": outcome,
        "seed": 42,
        "started_at": "2026-01-01T00:00:00+00:00",
        "ended_at": "2026-01-01T00:01:00+00:00",
        "wall_s": 60.0,
    }
    return TrialRecord(**(values | fields))
