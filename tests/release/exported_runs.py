"""Runs on disk as a fit and a study leave them, trained by the session itself, without Ray."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.files import SUMS, write_sums
from raytrain.results.description import Description, read_description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, Row, TrialRecord
from raytrain.training.session import Session
from raytrain.trial.inputs import Inputs, inputs_of

COMMON = (
    "training.batch_size=4", "training.gradient_accumulation_steps=1", "training.learning_rate=5e-5",
    "training.warmup_steps=0", "training.precision=fp32", "training.checkpoint_every_steps=1",
    "evaluation.every_steps=1", "evaluation.max_utterances=4", "prediction.num_beams=2", "prediction.max_new_tokens=20",
)  # fmt: skip


def train(folder: Path, *overrides: str) -> Path:
    """A fit's folder: its description with its result, and a checkpoint a step."""
    config = load_baseline("tiny", [*COMMON, *overrides])
    inputs = inputs_of(config)
    rows: list[Row] = []
    Session(
        config,
        corpus=inputs.corpus,
        split=inputs.split,
        report=lambda row, _: rows.append(row),
        workdir=folder / "checkpoints",
        device="cpu",
    ).run()
    for state in folder.glob("checkpoints/*/training_state.pt"):
        state.write_bytes(b"as large as two models, and of no use here")
    description = Description(
        baseline_name="tiny",
        baseline=config,
        data=inputs.described(),
        provenance={"command_line": ["python", "-m", "raytrain.fit"], "seeds": {"training.seed": 42}},
        result=rows[-1].as_dict(),
    )
    description.write(folder)
    return folder


def inputs_for(config: Baseline) -> Inputs:
    return inputs_of(config)


def copy_of(fit: Path, folder: Path, *, steps: Sequence[int] | None = None) -> Path:
    """To be changed at will: the large files are the same on disk until they are replaced."""
    shutil.copytree(fit, folder, copy_function=os.link)
    for path in folder.rglob("*.json"):
        text = path.read_text()
        path.unlink()
        path.write_text(text)
    if steps is not None:
        for checkpoint in folder.glob("checkpoints/step-*"):
            if int(checkpoint.name.removeprefix("step-")) not in steps:
                shutil.rmtree(checkpoint)
    return folder


def edit_json(path: Path, **values: Any) -> None:
    """Change a file, as if it had been written so."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    if (path.parent / SUMS).is_file():
        write_sums(path.parent)


def checkpoint(fit: Path, step: int) -> Path:
    return fit / "checkpoints" / f"step-{step:06}"


def study_of(fit: Path, folder: Path) -> Path:
    """Two trials with a checkpoint each, in a study's layout; the second is the better one."""
    fitted = read_description(fit)
    space = {"search": {"objective": "wer"}, "vary": {"training.batch_size": {"values": [4, 8]}}}
    folder.mkdir()
    replace(
        fitted, baseline_name="tiny", space_name="batching", space=SearchSpace.model_validate(space), result=None
    ).write(folder)
    ledger = Ledger(folder)
    for number, wer in enumerate((0.9, 0.4)):
        kept = f"ray/trial-{number:04}/step-{number + 1:06}"
        shutil.copytree(checkpoint(fit, number + 1), folder / kept, copy_function=os.link)
        ledger.append(record(number, fitted.baseline, wer=wer, checkpoint=kept))
    return folder


def record(number: int, config: Baseline, *, wer: float, checkpoint: str | None) -> TrialRecord:
    return TrialRecord(
        trial_id=f"trial-{number:04}",
        number=number,
        sample={"training.batch_size": 8} if number else {},
        config=config,
        effective_batch_size=8,
        outcome=Outcome.COMPLETED,
        eval_wer=wer,
        seed=42,
        started_at="2026-01-01T00:00:00Z",
        ended_at="2026-01-01T00:01:00Z",
        wall_s=60.0,
        checkpoint=checkpoint,
    )
