"""A study in the middle, for views of it: what has ended and what runs, with no Ray and no clock."""

from pathlib import Path
from typing import Any

from asked_trials import asked
from ended_trials import record

from raytrain.config.reader import load_baseline
from raytrain.results.records import Row, TrialRecord
from raytrain.study.running import RunningTrial
from raytrain.study.watcher import Machine
from raytrain.tracking.tracked_run import TrackedRun
from raytrain.watch.study_progress import StudyProgress

SMALL = load_baseline("small", ["training.batch_size=12", "training.gradient_accumulation_steps=3"])
BEGAN_S = 1000.0


def ended(number: int, **fields: Any) -> TrialRecord:
    """A trial of 100 s that trained on 1000 clips."""
    return record(number, SMALL, **{"wall_s": 100.0, "examples_seen": 1000, "eval_wer": 0.2, **fields})


def running(number: int, *, run: Path = Path("no-such-run"), row: Row | None = None, **fields: Any) -> RunningTrial:
    """A trial that began at BEGAN_S and trains on 1000 clips at most."""
    stands_for = {name: fields.pop(name) for name in ("probes", "repeats") if name in fields}
    return RunningTrial(
        trial=asked(number, SMALL, examples=1000, **stands_for),
        run=run,
        tracked=TrackedRun([], position=run / "none"),
        examples_total=1000,
        row=row or Row(),
        **{"started_s": BEGAN_S, **fields},
    )


def evaluated(trial: RunningTrial, **row: Any) -> RunningTrial:
    """The same trial, when an evaluation has shown this."""
    trial.reports(row)
    trial.examples_seen = trial.row.examples_seen
    return trial


def studied(*told: TrialRecord | RunningTrial, **fields: Any) -> StudyProgress:
    """A study of ten trials that has told this."""
    study = StudyProgress(trials=10, budget_examples=1000, began_s=BEGAN_S, **fields)
    for one in told:
        study.ends(one) if isinstance(one, TrialRecord) else study.starts(one)
    return study


def machine(*taken: float, stops: bool = False) -> Machine:
    """With a card of 24 GiB for each share that is taken."""
    return Machine(cpus=16, card_gib=24.0 if taken else None, taken=lambda: taken, stops=lambda: stops)
