"""One fit on real weights through Ray Train: what it leaves behind, and that two workers train what one does."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from damages import OF_A_CHECKPOINT
from safetensors.torch import load_file
from transformers import WhisperForConditionalGeneration

from raytrain.config.reader import load_baseline
from raytrain.errors import InputError
from raytrain.results.description import Description, read_description
from raytrain.results.word_errors import WordErrors
from raytrain.speech.scoring import word_errors
from raytrain.trial.fit import fit
from raytrain.trial.inputs import inputs_of

COMMON = (
    "training.max_steps=4", "training.checkpoint_every_steps=2", "training.precision=fp32", "training.keep_best=1",
    "evaluation.max_utterances=3", "tracking.wandb=disabled", "scaling.use_gpu=false",
)  # fmt: skip
Fit = Callable[..., tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="module")
def train(ray_cluster: None, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    def run(*overrides: str) -> tuple[Path, dict[str, Any]]:
        config = load_baseline("tiny", [*COMMON, f"model.pretrained={tiny_en}", *overrides])
        inputs = inputs_of(config)
        folder = tmp_path_factory.mktemp("fit")
        description = Description(baseline_name="tiny", baseline=config, data=inputs.described())
        return folder, fit(description, folder=folder, inputs=inputs)

    return run


@pytest.fixture(scope="module")
def one_worker(train: Fit) -> tuple[Path, dict[str, Any]]:
    return train()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_fit_is_trained_to_its_end_and_scored_from_step_0(one_worker: tuple[Path, dict[str, Any]]) -> None:
    _, result = one_worker
    assert (result["outcome"], result["step"], result["examples_seen"]) == ("completed", 4, 32)
    assert [row["step"] for row in result["history"]] == [0, 2, 4]


def test_its_folder_tells_what_was_asked_and_what_came_of_it(one_worker: tuple[Path, dict[str, Any]]) -> None:
    folder, result = one_worker
    description = read_description(folder)
    assert description.result == result
    assert description.synthetic
    assert set(description.data["train_children"]).isdisjoint(description.data["validation_children"])


def test_predictions_score_exactly_the_wer_that_is_told(one_worker: tuple[Path, dict[str, Any]]) -> None:
    folder, result = one_worker
    references = {row["utterance_id"]: row["reference"] for row in lines(folder / "utterances.jsonl")}
    predictions = {row["utterance_id"]: row["orthographic_text"] for row in lines(folder / "predictions.jsonl")}
    assert predictions.keys() == references.keys()
    pairs = [word_errors(references[name], text) for name, text in predictions.items()]
    assert WordErrors.total(pairs).wer == result["eval_wer"]


def test_the_best_checkpoint_and_the_latest_are_kept(one_worker: tuple[Path, dict[str, Any]]) -> None:
    folder, result = one_worker
    kept = {path.name for path in (folder / "checkpoints").iterdir() if path.is_dir()}
    scored = {row["step"]: row["eval_wer"] for row in result["history"] if row["step"]}
    best = min(scored, key=lambda step: (scored[step], -step))
    assert kept == {f"step-{best:06}", "step-000004"}
    assert result["checkpoint"] == "checkpoints/step-000004"


def test_a_checkpoint_loads_as_any_hugging_face_model(one_worker: tuple[Path, dict[str, Any]]) -> None:
    folder, result = one_worker
    model = WhisperForConditionalGeneration.from_pretrained(folder / result["checkpoint"])
    assert model.config.max_source_positions == 1500


def test_a_fit_with_a_damaged_latest_checkpoint_goes_on_from_the_one_before_it_to_the_same_end(
    train: Fit, caplog: pytest.LogCaptureFixture
) -> None:
    folder, first = train("training.keep_best=2")
    before = (folder / first["checkpoint"] / "model.safetensors").read_bytes()
    OF_A_CHECKPOINT["a flipped exponent"](folder / "checkpoints" / "step-000004")
    description = read_description(folder)
    with caplog.at_level(logging.WARNING, "raytrain"):
        again = fit(description, folder=folder, inputs=inputs_of(description.baseline))
    assert [line for line in caplog.messages if line.endswith("; going on from step-000002")]
    assert (again["outcome"], [row["step"] for row in again["history"]]) == ("completed", [0, 2, 4])
    assert (folder / again["checkpoint"] / "model.safetensors").read_bytes() == before


def test_a_fit_without_a_whole_checkpoint_is_refused_before_it_begins_anew(
    one_worker: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    trained, result = one_worker
    folder = shutil.copytree(trained, tmp_path / "fit")
    for checkpoint in (folder / "checkpoints").glob("step-*"):
        OF_A_CHECKPOINT["half a state"](checkpoint)
    description = read_description(folder)
    with pytest.raises(InputError, match=r"no checkpoint is whole .*training_state\.pt.*to begin anew"):
        fit(description, folder=folder, inputs=inputs_of(description.baseline))
    assert (folder / result["checkpoint"]).is_dir()


@pytest.fixture(scope="module")
def two_workers(train: Fit) -> tuple[Path, dict[str, Any]]:
    return train("scaling.num_workers=2", "training.batch_size=4")


def test_two_gloo_workers_take_the_steps_that_one_takes(
    one_worker: tuple[Path, dict[str, Any]], two_workers: tuple[Path, dict[str, Any]]
) -> None:
    (one, alone), (two, together) = one_worker, two_workers
    assert together["train_loss"] == pytest.approx(alone["train_loss"], rel=1e-3)
    ours, theirs = (load_file(folder / alone["checkpoint"] / "model.safetensors") for folder in (one, two))
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < 4 * 2e-5  # four steps of the rate
    assert together["eval_wer"] == pytest.approx(alone["eval_wer"], abs=0.2)


def test_a_reason_is_told_when_the_training_raises(train: Fit) -> None:
    _, result = train("data.max_label_tokens=4")  # no label of the demo is that short
    assert result["outcome"] == "failed"
    assert result["reason"].startswith("InputError: training data: none of 0 utterances")
