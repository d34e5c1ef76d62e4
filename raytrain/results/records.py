"""What is kept of a trial: one TrialRecord, a line of JSON in the ledger, with null where there is no number."""

import json
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from raytrain.config.baseline import Baseline
from raytrain.files import finite

WORST_OBJECTIVE = 10.0
"""What a sampler is told where there is no WER, and the most it is told of a babbling model: finite, since NaN would
never be pruned, and worse than any model that does more than babble."""


class Outcome(StrEnum):
    """The ways a trial ends, each a fact about the sample, except `failed`."""

    COMPLETED = "completed"
    PRUNED = "pruned"  # the scheduler stopped it
    DIVERGED = "diverged"  # infeasible: loss or objective not finite
    OUT_OF_MEMORY = "out_of_memory"  # infeasible: on this hardware, at this size
    NOT_STARTED = "not_started"  # infeasible: predicted not to fit
    FAILED = "failed"  # our bug or the machine's; never counted as a result


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial as it ended. Times are ISO 8601 in UTC, memory is in GiB (2**30 bytes), WER is a fraction."""

    trial_id: str
    number: int
    sample: dict[str, Any]
    """The values drawn, by dotted key: {"training.batch_size": 8}; empty for the baseline as it is."""
    config: Baseline
    """The whole resolved baseline that was trained."""
    effective_batch_size: int
    outcome: Outcome
    reason: str | None = None
    eval_wer: float | None = None
    """At the last evaluation."""
    best_eval_wer: float | None = None
    wer_by_age_bucket: dict[str, float] = field(default_factory=dict)
    word_errors: dict[str, int] | None = None
    """Counts at the last evaluation: substitutions, deletions, insertions, hits."""
    peak_memory_reserved_gib: float | None = None
    peak_memory_allocated_gib: float | None = None
    peak_memory_resident_gib: float | None = None
    peak_memory_by_phase: dict[str, dict[str, float]] = field(default_factory=dict)
    """On a GPU {"train": {"reserved_gib", "allocated_gib"}, "evaluate": {...}}, the largest of any rank."""
    allocator_retries: int | None = None
    """How often the CUDA allocator emptied its cache to go on, on the rank where it did most: memory was short."""
    predicted_memory_gib: float | None = None
    gpu_fraction: float | None = None
    gpu_memory_gib: float | None = None
    """What that fraction comes to; null where the card's size was not known."""
    train_examples_per_s: float | None = None
    examples_seen: int = 0
    steps: int = 0
    precision_used: str | None = None
    seed: int
    started_at: str
    ended_at: str
    wall_s: float
    node: str | None = None
    inherited_from: str | None = None
    finalist_of: str | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    """One row an evaluation, on `examples_seen`."""
    checkpoint: str | None = None

    def as_json(self) -> str:
        """One line, no NaN: a number that is not finite becomes null."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return json.dumps(finite(values | {"config": self.config.model_dump()}), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The record of a line. A key of its configuration that this raytrain does not know is left out."""
        values = json.loads(line)
        config = Baseline.model_validate(values["config"], extra="ignore")
        return cls(**{**values, "config": config, "outcome": Outcome(values["outcome"])})
