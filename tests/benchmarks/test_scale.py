"""What a driver does for one more trial: much the same after 340 as after 170, however many there were."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from ended_trials import record

from raytrain.benchmarks.scale import rehearsed_study
from raytrain.benchmarks.scale_alone import drive
from raytrain.files import AppendedLines
from raytrain.results.records import utc_now
from raytrain.study.study import Study

PACKAGE = str(Path(__file__).parents[2] / "raytrain")
FURTHER = 3


def after(trials: int, folder: Path) -> Study:
    """A study in which so many trials have ended, and a few more are wanted."""
    study, random = rehearsed_study(folder, trials=trials + FURTHER, slots=2), np.random.default_rng(0)
    rates = 10 ** random.uniform(-6, -3, trials)
    samples = [
        {"training.learning_rate": float(rate), "model.dropout": 0.1, "training.weight_decay": 0.01} for rate in rates
    ]
    wers = 0.15 + 0.05 * np.abs(np.log10(rates / 3e-5))
    events = AppendedLines(folder / "events.jsonl", parse=lambda values, place: values)
    events.extend(
        {"event": "started", "number": number, "at": utc_now(), "sample": sample}
        for number, sample in enumerate(samples)
    )
    ledger = AppendedLines(folder / "trials.jsonl", parse=lambda values, place: values)
    ledger.extend(
        record(number, study.baseline, sample=sample, eval_wer=float(wer), examples_seen=100).as_dict()
        for number, (sample, wer) in enumerate(zip(samples, wers, strict=True))
    )
    return study


def calls_of_a_trial(study: Study) -> float:
    """How often functions of ours are called for one of the further trials, the first of them apart."""
    counted = 0
    marks: list[int] = []

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event == "call" and frame.f_code.co_filename.startswith(PACKAGE)

    def ended(_: int) -> None:
        marks.append(counted)
        sys.setprofile(count)

    try:
        drive(study, slots=1, on_end=ended)
    finally:
        sys.setprofile(None)
    assert len(marks) == FURTHER
    return (marks[-1] - marks[0]) / (FURTHER - 1)


def test_a_trial_costs_its_driver_no_more_after_340_than_after_170(tmp_path: Path) -> None:
    calls = [calls_of_a_trial(after(trials, tmp_path / str(trials))) for trials in (170, 340)]
    assert calls[1] < 1.2 * calls[0]
