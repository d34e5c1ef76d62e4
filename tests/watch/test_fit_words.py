"""The last words of a fit: what it came to, where the weights are, and the next command."""

from pathlib import Path
from typing import Any

import pytest

import raytrain.fit
from raytrain.config.reader import load_baseline
from raytrain.results.description import Description, Result
from raytrain.results.records import Outcome
from raytrain.watch.fit_words import fit_words

ASKED = ["python", "-m", "raytrain.fit", "--config", "tiny", "training.learning_rate=2e-5"]


def said(
    capsys: pytest.CaptureFixture[str],
    *overrides: str,
    before: float | None = 0.371,
    last: float = 0.15,
    command: list[str] = ASKED,
) -> list[str]:
    """What is said of a fit in the working folder that ended at a WER of 0.15, or that was the best it had."""
    row: Any = {"step": 0, "examples_seen": 0, "eval_wer": before}
    result: Result = {
        "outcome": Outcome.COMPLETED, "step": 38, "eval_wer": last, "eval_cer": 0.08, "best_eval_wer": 0.15,
        "train_examples_per_s": 5.5, "precision_used": "fp32", "checkpoint": "checkpoints/step-000038",
        "history": [row] if before is not None else [],
    }  # fmt: skip
    described = Description(
        baseline_name="tiny", baseline=load_baseline("tiny", overrides), provenance={"command_line": command}
    )
    fit_words(result, Path("results/a fit").absolute(), description=described)
    return capsys.readouterr().err.splitlines()


def test_a_fit_that_helped_says_by_how_much_and_how_its_weights_are_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys) == [
        "result     WER 0.3710 before training → 0.1500, CER 0.0800 after 38 steps (best 0.1500), 5.5 clips/s in fp32",
        "weights    results/a fit/checkpoints/step-000038",
        "next       Export it for use, or hear with it as it is:",
        "           python -m raytrain.export 'results/a fit' --to 'exported/a fit'",
        "           python -m raytrain.transcribe 'results/a fit' RECORDING",
    ]


def test_a_fit_that_did_not_help_is_not_exported_but_searched_around(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, before=0.15)[-2:] == [
        "next       Training did not help: search for settings that do.",
        "           python -m raytrain.tune --baseline tiny training.learning_rate=2e-5",
    ]


def test_a_fit_that_was_better_in_between_helped(capsys: pytest.CaptureFixture[str]) -> None:
    assert "raytrain.export" in said(capsys, before=0.2, last=0.25)[-2]


@pytest.mark.parametrize(("before", "command"), [(None, ASKED), (0.1, ["raytrain", "from", "elsewhere"])])
def test_where_it_is_not_known_whether_it_helped_or_what_was_asked_it_can_be_exported(
    before: float | None, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "raytrain.export" in said(capsys, before=before, command=command)[-2]


def test_nobody_is_told_to_use_weights_that_were_random(capsys: pytest.CaptureFixture[str]) -> None:
    told = "next       The weights were random at the start: train published ones with model.pretrained=NAME."
    assert said(capsys, "model.pretrained=null")[-1] == told


def test_a_fit_that_failed_says_how_to_go_on_and_what_to_report(capsys: pytest.CaptureFixture[str]) -> None:
    result: Any = {"outcome": "failed", "reason": "ValueError: why"}
    described = Description(baseline_name="tiny", baseline=load_baseline("tiny"), result=result)
    assert raytrain.fit._tell(result, Path("results/f").absolute(), description=described, as_json=False) == 1
    *_, report = capsys.readouterr().err.splitlines()
    assert "results/f/fit.json and what python -m raytrain --version prints" in report
