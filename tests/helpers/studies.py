"""A study's folder as raytrain.tune leaves it, with made-up but plausible trials, written through our own records."""

import json
import math
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from making import config, utterances

from raytrain.config.space import SearchSpace
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.transcripts import counts
from raytrain.results.word_errors import WordErrors

BATCH_SIZES = [1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32]
SPACE = SearchSpace.model_validate(
    {
        "vary": {
            "training.batch_size": {"values": BATCH_SIZES},
            "training.gradient_accumulation_steps": {"low": 1, "high": 36},
            "training.learning_rate": {"low": 2e-6, "high": 1e-4, "log": True},
            "model.dropout": {"values": [0.0, 0.1, 0.2]},
        },
        "search": {"trials": 20, "objective": "wer_under_memory", "memory_limit_gib": 8.0},
    }
)
PROVENANCE: dict[str, Any] = {
    "command_line": ["python", "-m", "raytrain.tune", "--baseline", "small", "--space", "full"],
    "seeds": {"search.seed": 0, "training.seed": 42},
    "commit": {"hash": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
    "python": "3.11.7",
    "versions": {"torch": "2.13.0", "ray": "2.60.0", "optuna": "5.0.0"},
    "hardware": {"cpu": "a CPU", "cores": 16, "memory_gib": 64.0, "gpus": [{"name": "a GPU", "memory_gib": 24.0}]},
}


def made_study(
    folder: Path, *, trials: int, children: int = 24, synthetic: bool = True, sources: Sequence[str] = ()
) -> Path:
    """Write study.json, the ledger and every scored trial's utterances, by turns of these manifests."""
    folder.mkdir(parents=True, exist_ok=True)
    Description(
        baseline_name="small",
        baseline=config(),
        space_name="full",
        space=SPACE,
        data={"synthetic": synthetic, "train_utterances": 4000, "validation_utterances": 6 * children},
        provenance=PROVENANCE,
    ).write(folder)
    drawn = random.Random(3)
    records = [made_trial(number, drawn) for number in range(trials)]
    records = [scored(folder, one, children, sources) if one.eval_wer is not None else one for one in records]
    # One file for all: a sync to disk for each of 500 would be most of a test.
    ledger = Ledger(folder)
    ledger.append(records[0])
    with ledger.path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(one.as_dict()) + "\n" for one in records[1:])
    return folder


def scored(folder: Path, record: TrialRecord, children: int, sources: Sequence[str] = ()) -> TrialRecord:
    """The trial with utterances that err about as much as it does, and the figures that follow from them."""
    rows = utterances(folder, record.number, wer=record.eval_wer or 0.0, children=children, sources=sources)
    by_bucket: dict[str, WordErrors] = defaultdict(WordErrors)
    by_source: dict[str, WordErrors] = defaultdict(WordErrors)
    for row in rows:
        by_bucket[row["age_bucket"]] += counts(row)
        if sources:
            by_source[row["source"]] += counts(row)
    total = WordErrors.total(by_bucket.values())
    return replace(
        record,
        eval_wer=total.wer,
        best_eval_wer=total.wer,
        word_errors=total.as_dict(),
        wer_by_age_bucket={bucket: errors.wer for bucket, errors in by_bucket.items()},
        wer_by_source={name: errors.wer for name, errors in by_source.items()},
        history=[{**row, "eval_wer": row["eval_wer"] * total.wer / (record.eval_wer or 1.0)} for row in record.history],
    )


def made_trial(number: int, drawn: random.Random) -> TrialRecord:
    """Trial 0 is the baseline; a few of the others do not fit, diverge or are stopped."""
    batch_size, accumulation, rate, dropout = (12, 3, 1e-5, 0.1) if number == 0 else _sample(drawn)
    effective = batch_size * accumulation
    predicted = 3.9 + 0.19 * batch_size
    measured = predicted * drawn.uniform(0.9, 1.02)
    wer = 0.12 + 0.05 * abs(math.log10(rate / 2e-5)) + 0.02 * abs(math.log2(effective / 32)) + drawn.gauss(0, 0.006)
    outcome, reason = _ending(number, drawn, predicted_gib=predicted, rate=rate)
    seen = {Outcome.COMPLETED: 40000, Outcome.PRUNED: 6000, Outcome.DIVERGED: 2000}.get(outcome, 0)
    history = [
        {"step": at // effective, "examples_seen": at, "eval_wer": round(wer + (0.45 - wer) * math.exp(-at / 7000), 4)}
        for at in range(0, seen + 1, 2000)
    ]
    scored = outcome in (Outcome.COMPLETED, Outcome.PRUNED)
    last = history[-1]["eval_wer"] if scored else None
    began = datetime(2026, 1, 1, 8, tzinfo=UTC) + timedelta(minutes=20 * (number // 2), seconds=number)
    wall_s = 30.0 + seen * 0.04
    return TrialRecord(
        trial_id=f"trial-{number:04}",
        number=number,
        sample={}
        if number == 0
        else {
            "training.batch_size": batch_size,
            "training.gradient_accumulation_steps": accumulation,
            "training.learning_rate": rate,
            "model.dropout": dropout,
        },
        config=config(batch_size, accumulation, rate, dropout=dropout),
        effective_batch_size=effective,
        outcome=outcome,
        reason=reason,
        eval_wer=last,
        peak_memory_reserved_gib=round(measured, 3) if seen else None,
        peak_memory_allocated_gib=round(measured * 0.94, 3) if seen else None,
        predicted_memory_gib=round(predicted, 3),
        gpu_fraction=0.5 if batch_size > 8 else 0.25,
        train_examples_per_s=round(60 * batch_size / (batch_size + 4), 2) if seen else None,
        examples_seen=seen,
        steps=seen // effective,
        precision_used="fp16",
        seed=42,
        started_at=began.isoformat(timespec="seconds"),
        ended_at=(began + timedelta(seconds=wall_s)).isoformat(timespec="seconds"),
        wall_s=wall_s if outcome is not Outcome.NOT_STARTED else 0.0,
        history=history if seen else [],
    )


def _sample(drawn: random.Random) -> tuple[int, int, float, float]:
    batch_size = drawn.choice(BATCH_SIZES)
    accumulation = drawn.randint(max(1, -(-8 // batch_size)), max(1, min(36, 96 // batch_size)))
    return batch_size, accumulation, float(f"{10 ** drawn.uniform(-5.6, -4.1):.3g}"), drawn.choice([0.0, 0.1, 0.2])


def _ending(number: int, drawn: random.Random, *, predicted_gib: float, rate: float) -> tuple[Outcome, str | None]:
    chance = drawn.random()
    if number == 0:
        return Outcome.COMPLETED, None
    if predicted_gib > 8.5:
        return Outcome.NOT_STARTED, f"predicted {predicted_gib:.1f} GiB of 8.0"
    if predicted_gib > 7.9:
        return Outcome.OUT_OF_MEMORY, "step 1: tried to allocate 512 MiB"
    if rate > 7e-5:
        return Outcome.DIVERGED, "train loss is nan at step 70"
    if chance < 0.03:
        return Outcome.FAILED, "OSError: <disk> is full | twice"
    return (Outcome.PRUNED, None) if chance < 0.4 else (Outcome.COMPLETED, None)
