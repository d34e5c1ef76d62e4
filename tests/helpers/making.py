"""Records for tests, made through TrialRecord as a study makes them."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.results.records import Outcome, TrialRecord

WORDS = ["dog", "runs", "big", "red", "house", "see", "two", "birds", "tall", "tree", "near", "school", "every", "day"]


def config(
    batch_size: int = 12, accumulation: int = 3, learning_rate: float = 1e-5, *, workers: int = 1, **model: Any
) -> Baseline:
    """A resolved baseline: whisper-small with these settings."""
    training = {"batch_size": batch_size, "gradient_accumulation_steps": accumulation, "learning_rate": learning_rate}
    return Baseline.model_validate(
        {
            "model": {"variant": "small", "pretrained": "openai/whisper-small", **model},
            "training": {**training, "num_epochs": 10},
            "scaling": {"num_workers": workers},
        }
    )


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


def utterances(
    folder: Path, number: int, *, wer: float, children: int = 20, per_child: int = 6, sources: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Write a trial's utterances.jsonl and hand out its rows: so many words wrong, on references all trials share."""
    texts, errors = random.Random(1), random.Random(number)
    rows = []
    for child in range(children):
        for place in range(per_child):
            reference = texts.choices(WORDS, k=texts.randint(4, 9))
            hypothesis, counts = _misheard(reference, errors, wer * (0.6 + 0.8 * child / children))
            rows.append(
                {
                    "utterance_id": f"u{child:02d}-{place}",
                    "child_id": f"c{child:02d}",
                    "age_bucket": ("3-4", "5-7", "8-11", "12+")[child % 4],
                    "duration_s": round(0.5 * len(reference) + texts.random(), 2),
                    "reference": " ".join(reference),
                    "hypothesis": " ".join(hypothesis),
                    **counts,
                    **({"source": sources[child % len(sources)]} if sources else {}),
                }
            )
    path = folder / "trials" / str(number) / "utterances.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def _misheard(reference: list[str], errors: random.Random, rate: float) -> tuple[list[str], dict[str, int]]:
    counts = {"substitutions": 0, "deletions": 0, "insertions": 0, "hits": 0}
    heard = []
    for word in reference:
        drawn = errors.random() / max(rate, 1e-9)
        if drawn > 1:
            counts["hits"] += 1
            heard.append(word)
        elif drawn > 0.5:
            counts["substitutions"] += 1
            heard.append(f"{word}s")
        elif drawn > 0.2:
            counts["deletions"] += 1
        else:
            counts["hits"] += 1
            counts["insertions"] += 1
            heard += [word, "uh"]
    return heard, counts
