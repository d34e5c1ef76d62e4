"""A run from its first report to its last: rows, appointments, resuming, and the ways it can end."""

import dataclasses
import gc
import json
import pickle
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from damages import OF_A_CHECKPOINT
from safetensors.torch import load_file, save_file
from small_runs import small_config
from transformers import WhisperForConditionalGeneration

from raytrain.config.baseline import Baseline
from raytrain.errors import InputError
from raytrain.files import SUMS, read_sums
from raytrain.results.records import Row
from raytrain.speech.corpus import Corpus
from raytrain.speech.split import split_by_child
from raytrain.training.checkpoint import load_checkpoint, resume_fault
from raytrain.training.feed import Feed, StepData
from raytrain.training.session import Session

MEASURED = {"train_examples_per_s", "data_wait_share", "peak_memory_resident_gib", "eval_s"}


def config(pretrained: Path, **sections: dict[str, Any]) -> Baseline:
    """16 utterances an optimizer step, 66 of 87 to train on: 5 steps an epoch, the last of two clips."""
    defaults: dict[str, dict[str, Any]] = {
        "model": {"pretrained": str(pretrained), "gradient_checkpointing": False},
        "audio": {"step_s": 0.1, "margin_s": 0.3},
        "evaluation": {"every_steps": 2, "max_utterances": 5},
    }
    merged = {name: defaults.get(name, {}) | sections.get(name, {}) for name in defaults.keys() | sections.keys()}
    return small_config(8, 2, **merged)


class Reports(list[tuple[dict[str, Any], Path | None]]):
    """What a run reported, each row as JSON has it."""

    def __call__(self, row: Row, checkpoint: Path | None) -> None:
        self.append((json.loads(json.dumps(row.as_dict(), allow_nan=False)), checkpoint))

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for row, _ in self]

    @property
    def last(self) -> dict[str, Any]:
        return self[-1][0]

    @property
    def kept(self) -> list[str]:
        return [checkpoint.name for _, checkpoint in self if checkpoint is not None]


def ran(config: Baseline, corpus: Corpus, workdir: Path, **more: Any) -> Reports:
    reports = Reports()
    split = split_by_child(corpus, ratio=0.25, seed=0, stratify=False)
    Session(config, corpus=corpus, split=split, report=reports, workdir=workdir, device="cpu", **more).run()
    return reports


def state(checkpoint: Path) -> dict[str, Any]:
    return torch.load(checkpoint / "training_state.pt", weights_only=True)


def unmeasured(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in MEASURED} for row in rows]


def test_what_is_scored_of_several_manifests_is_told_by_each(
    small_weights: Path, two_sources: Corpus, tmp_path: Path
) -> None:
    sources = ["home.jsonl", "school.jsonl"]
    reports = ran(
        config(small_weights, data={"train_manifest": sources}, evaluation={"max_utterances": None}),
        two_sources,
        tmp_path / "run",
    )
    checkpoint = reports[-1][1]
    assert checkpoint is not None
    rows = [json.loads(line) for line in (checkpoint / "utterances.jsonl").read_text().splitlines()]
    assert {row["utterance_id"].split("/")[0] for row in rows} == {"home", "school"}
    for name, wer in reports.last["wer_by_source"].items():
        mine = [row for row in rows if row["source"] == name]
        edits = sum(row["substitutions"] + row["deletions"] + row["insertions"] for row in mine)
        assert wer == pytest.approx(edits / sum(row["hits"] + row["substitutions"] + row["deletions"] for row in mine))
    assert list(reports.last["wer_by_source"]) == ["home", "school"]
    assert reports.last["history"][-1]["wer_by_source"] == reports.last["wer_by_source"]


def test_a_run_on_one_manifest_names_none(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    reports = ran(config(small_weights, training={"max_steps": 1}), tones, tmp_path / "run")
    assert "wer_by_source" not in json.dumps(reports.rows)
    assert '"source"' not in (tmp_path / "run" / reports.kept[-1] / "utterances.jsonl").read_text()


def test_a_run_that_waits_for_its_data_says_so(
    small_weights: Path,
    tones: Corpus,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared = Feed.__call__

    def slowly(feed: Feed, step: int) -> StepData:
        time.sleep(1.0)
        return prepared(feed, step)

    monkeypatch.setattr(Feed, "__call__", slowly)
    monkeypatch.setattr("raytrain.training.session._LOG_EVERY_S", 0.0)
    caplog.set_level("INFO", logger="raytrain")
    reports = ran(config(small_weights, training={"max_steps": 2}), tones, tmp_path / "run", score_first=False)
    assert 0.05 < reports.last["data_wait_share"] < 1
    share = f"{reports.last['data_wait_share']:.0%} of the time waiting for data"
    assert any(share in line for line in caplog.messages)


def test_a_fit_is_scored_first_at_intervals_and_at_the_end(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    reports = ran(config(small_weights), tones, tmp_path / "run")
    assert [row["step"] for row in reports.rows] == [0, 2, 4, 5]
    assert [row["examples_seen"] for row in reports.rows] == [0, 32, 64, 66]
    assert [row["finished"] for row in reports.rows] == [False, False, False, True]
    assert reports.last["outcome"] == "completed"
    assert [entry["step"] for entry in reports.last["history"]] == [0, 2, 4, 5]
    assert reports.kept == ["step-000005"]
    assert reports.last["objective"] == min(reports.last["eval_wer"], 10)
    assert reports.last["best_eval_wer"] == min(row["eval_wer"] for row in reports.rows)
    assert reports.last["train_examples_per_s"] > 0
    assert reports.last["peak_memory_resident_gib"] > 0.1
    assert reports.last["peak_memory_reserved_gib"] is None


def test_the_loss_falls(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    losses = [row["train_loss"] for row in ran(config(small_weights), tones, tmp_path / "run").rows]
    assert losses[0] is None
    assert losses[3] < losses[2] < losses[1] - 0.2


def test_a_resumed_run_is_bit_equal_to_one_never_stopped(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    some = config(
        small_weights,
        model={"dropout": 0.1, "gradient_checkpointing": True},
        training={"num_epochs": 2, "checkpoint_every_steps": 3, "spec_augment": "double", "warmup_steps": 4},
    )
    straight = ran(some, tones, tmp_path / "straight")
    resumed = ran(some, tones, tmp_path / "resumed", resume_from=tmp_path / "straight" / "step-000006")
    assert straight.kept == ["step-000003", "step-000006", "step-000009", "step-000010"]
    assert [row["step"] for row in resumed.rows] == [8, 9, 10]
    ends = [tmp_path / name / "step-000010" for name in ("straight", "resumed")]
    assert len({(end / "model.safetensors").read_bytes() for end in ends}) == 1
    moments = [
        torch.cat([m[k].flatten() for m in state(end)["optimizer"]["state"].values() for k in m]) for end in ends
    ]
    assert torch.equal(*moments)
    assert unmeasured(resumed.last["history"]) == unmeasured(straight.last["history"])
    assert (ends[0] / "utterances.jsonl").read_text() == (ends[1] / "utterances.jsonl").read_text()


def test_a_resumed_adapter_is_bit_equal_to_one_never_stopped(
    small_weights: Path, tones: Corpus, tmp_path: Path
) -> None:
    some = config(
        small_weights,
        model={"dropout": 0.1, "gradient_checkpointing": True, "adapter": {"rank": 4, "dropout": 0.1}},
        training={"checkpoint_every_steps": 3, "learning_rate": 1e-2},
        evaluation={"every_steps": 5, "max_utterances": 2},
    )
    ran(some, tones, tmp_path / "straight", score_first=False)
    ran(some, tones, tmp_path / "resumed", resume_from=tmp_path / "straight" / "step-000003")
    before, straight, resumed = (
        tmp_path / name for name in ("straight/step-000003", "straight/step-000005", "resumed/step-000005")
    )
    assert resume_fault(straight, some.model.model_copy(update={"pretrained": str(straight)})) is None
    assert not (straight / "model.safetensors").exists()
    files = [(folder / "adapter_model.safetensors").read_bytes() for folder in (before, straight, resumed)]
    assert files[0] != files[1] == files[2]
    moments = [
        torch.cat([m[k].flatten() for m in state(end)["optimizer"]["state"].values() for k in m])
        for end in (straight, resumed)
    ]
    assert torch.equal(*moments)


def test_an_adapter_over_weights_that_changed_is_not_gone_on_from_and_not_set_aside(
    small_weights: Path, tones: Corpus, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(small_weights, base)
    some = config(base, model={"adapter": {"rank": 4}}, training={"max_steps": 1})
    ran(some, tones, tmp_path / "run", score_first=False)
    tensors = {name: 1.01 * one for name, one in load_file(base / "model.safetensors").items()}
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="was trained beside other weights than those of"):
        resume_fault(tmp_path / "run" / "step-000001", some.model)


def test_dropout_and_masks_differ_between_seeds_only(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    def loss(name: str, seed: int) -> float:
        some = config(small_weights, model={"dropout": 0.1}, training={"max_steps": 1, "seed": seed})
        return ran(some, tones, tmp_path / name, score_first=False).last["train_loss"]

    assert loss("one", 1) == loss("again", 1) != loss("two", 2)


def test_resuming_what_was_over_reports_its_end_again(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    first = ran(config(small_weights), tones, tmp_path / "run")
    again = ran(config(small_weights), tones, tmp_path / "again", resume_from=tmp_path / "run" / "step-000005")
    assert again.rows == [first.last]
    assert again.kept == []


def test_a_study_scores_and_keeps_at_its_rungs_and_ends_at_its_budget(
    small_weights: Path, tones: Corpus, tmp_path: Path
) -> None:
    some = config(small_weights, training={"num_epochs": 9, "warmup_steps": 2})
    reports = ran(some, tones, tmp_path, evaluate_at_examples=[20, 60], end_at_examples=100, score_first=False)
    assert [row["examples_seen"] for row in reports.rows] == [32, 64, 114]
    assert reports.kept == ["step-000002", "step-000004", "step-000008"]
    assert reports.last["steps_total"] == 8
    assert reports.last["learning_rate"] == pytest.approx(1e-3 / 6)


def test_a_trial_that_goes_on_first_says_once_more_what_it_had_come_to(
    small_weights: Path, tones: Corpus, tmp_path: Path
) -> None:
    """Killed at a rung, it may not have been heard, or told to stop."""
    some, rungs = config(small_weights, training={"warmup_steps": 2}), {"evaluate_at_examples": [20, 40]}
    first = ran(some, tones, tmp_path / "run", **rungs)
    assert first.kept == ["step-000002", "step-000003", "step-000005"]
    again = ran(some, tones, tmp_path / "again", resume_from=tmp_path / "run" / "step-000003", **rungs)
    assert again[0] == (first.rows[-2], None)
    assert [row["step"] for row in again.rows] == [3, 5]


def test_a_run_without_improvement_stops_early(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    some = config(small_weights, training={"num_epochs": 9, "learning_rate": 1e-12, "early_stopping_patience": 2})
    reports = ran(some, tones, tmp_path)
    assert [row["step"] for row in reports.rows] == [0, 2, 4]
    assert reports.last["outcome"] == "completed"
    assert reports.kept == ["step-000004"]


def test_divergence_is_an_outcome_with_a_finite_objective(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    reports = ran(config(small_weights, training={"learning_rate": 1e30}), tones, tmp_path)
    assert reports.last["outcome"] == "diverged"
    assert reports.last["objective"] == 10
    assert "at step 2 the training loss is nan" in reports.last["reason"]
    assert reports.last["history"] == reports.rows[0]["history"]
    assert (reports.last["step"], reports.last["examples_seen"]) == (1, 16)
    assert reports[-1][1] is None


def test_out_of_memory_is_an_outcome_that_says_what_was_asked_for(
    small_weights: Path, tones: Corpus, tmp_path: Path
) -> None:
    reports = ran(config(small_weights, evaluation={"num_beams": 10**9}), tones, tmp_path)
    assert [row["outcome"] for row in reports.rows] == ["out_of_memory"]
    assert "scoring, 16 clips at once: tried to allocate" in reports.last["reason"]
    assert reports.last["objective"] == 10
    assert reports.last["eval_wer"] is None


@pytest.mark.parametrize("model", [{}, {"adapter": {"rank": 4}}])
def test_adafactor_is_probed_resumed_and_kept_as_it_is(
    model: dict[str, Any], small_weights: Path, tones: Corpus, tmp_path: Path
) -> None:
    some = config(
        small_weights,
        model=model,
        training={"optimizer": "adafactor", "max_steps": 3, "checkpoint_every_steps": 2},
        evaluation={"every_steps": 9, "max_utterances": 1},
    )
    ran(some, tones, tmp_path / "plain", probe=False, score_first=False)
    before = tmp_path / "plain" / "step-000002"
    ran(some, tones, tmp_path / "resumed", probe=True, resume_from=before)
    ends = [next((tmp_path / name / "step-000003").glob("*.safetensors")) for name in ("plain", "resumed")]
    assert ends[0].read_bytes() == ends[1].read_bytes() != (before / ends[0].name).read_bytes()


def test_a_probe_changes_nothing_of_the_run(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    some = config(small_weights, model={"dropout": 0.1, "gradient_checkpointing": True})
    plain = ran(some, tones, tmp_path / "plain", probe=False)
    probed = ran(some, tones, tmp_path / "probed", probe=True)
    assert unmeasured(probed.last["history"]) == unmeasured(plain.last["history"])
    ends = [tmp_path / name / "step-000005" for name in ("plain", "probed")]
    assert len({(end / "model.safetensors").read_bytes() for end in ends}) == 1
    moments = [
        torch.cat([m[k].flatten() for m in state(end)["optimizer"]["state"].values() for k in m]) for end in ends
    ]
    assert torch.equal(*moments)


def test_what_does_not_fit_ends_before_the_first_score_and_names_the_prediction(
    small_weights: Path, tones: Corpus, tmp_path: Path
) -> None:
    huge = config(small_weights, training={"batch_size": 1_000_000}, audio={"window": "full"})
    reports = ran(huge, tones, tmp_path, probe=True, predicted_memory_gib=2500.0)
    assert [row["outcome"] for row in reports.rows] == ["out_of_memory"]
    reason = reports.last["reason"]
    assert reason.startswith("before the first step, 1000000 clips at an audio window of 30 s with 5")
    assert reason.endswith("GiB; predicted 2500.00 GiB in all")
    assert (reports.last["step"], reports.last["eval_wer"]) == (0, None)


def test_a_run_that_broke_off_leaves_no_model_in_memory(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    gc.collect()
    before, at_the_end = models_in_memory(), []
    split = split_by_child(tones, ratio=0.25, seed=0, stratify=False)
    Session(
        config(small_weights, training={"learning_rate": 1e30}),
        corpus=tones,
        split=split,
        report=lambda row, checkpoint: at_the_end.append(models_in_memory()),
        workdir=tmp_path,
    ).run()
    assert at_the_end == [before + 1, before]


def models_in_memory() -> int:
    return sum(isinstance(thing, WhisperForConditionalGeneration) for thing in gc.get_objects())


def test_what_is_left_out_is_told(
    small_weights: Path, tones: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="raytrain")
    some = config(small_weights, audio={"max_window_s": 2.0}, data={"max_label_tokens": 40})
    reports = ran(some, tones, tmp_path, score_first=False)
    lines = [record.message for record in caplog.records]
    assert reports.last["examples_seen"] < 66
    assert any("labels over 40 tokens" in line for line in lines)
    assert any("clips over 2 s" in line for line in lines)


def test_a_checkpoint_carries_the_sha256_of_all_its_files(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    some = config(small_weights, training={"max_steps": 1})
    [(_, checkpoint)] = ran(some, tones, tmp_path, score_first=False)
    assert checkpoint is not None
    assert read_sums(checkpoint).keys() | {SUMS} == {path.name for path in checkpoint.iterdir()}
    assert resume_fault(checkpoint, some.model) is None
    OF_A_CHECKPOINT["a flipped exponent"](checkpoint)
    assert resume_fault(checkpoint, some.model) == "model.safetensors: its bytes are not those that were written"


@pytest.mark.parametrize(
    ("kind", "fact"), [("half a state", "training_state.pt"), ("all NaN", "model.safetensors"), ("no state", "no such")]
)
def test_a_checkpoint_of_an_earlier_version_without_sums_is_looked_at(
    kind: str, fact: str, small_weights: Path, tones: Corpus, tmp_path: Path
) -> None:
    some = config(small_weights, training={"max_steps": 1})
    [(_, checkpoint)] = ran(some, tones, tmp_path, score_first=False)
    assert checkpoint is not None
    (checkpoint / SUMS).unlink()
    assert resume_fault(checkpoint, some.model) is None
    OF_A_CHECKPOINT[kind](checkpoint)
    assert fact in str(resume_fault(checkpoint, some.model)).lower()


@pytest.mark.parametrize("content", [b"", b"\x80\x02}q\x00.", b"PK\x03\x04", b"[" * 100_000, pickle.dumps({"step": 1})])
def test_a_state_that_is_none_is_told_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "training_state.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"training_state\.pt: cannot be read .*; restore it from a copy") as told:
        load_checkpoint(tmp_path)
    assert "\n" not in str(told.value)


def test_a_checkpoint_loads_with_from_pretrained(small_weights: Path, tones: Corpus, tmp_path: Path) -> None:
    [(_, checkpoint)] = ran(config(small_weights, training={"max_steps": 1}), tones, tmp_path, score_first=False)
    model = WhisperForConditionalGeneration.from_pretrained(checkpoint)
    assert model.config.max_source_positions == 1500
    assert json.loads((checkpoint / "raytrain.json").read_text())["window"]["window"] == "condensed"
    assert len((checkpoint / "utterances.jsonl").read_text().splitlines()) == 5
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_real_weights_learn_a_handful_of_clips_by_heart(demo: Corpus, tiny_en: Path, tmp_path: Path) -> None:
    by_heart = np.arange(0, 180, 45)
    some = config(tiny_en, training={"max_steps": 14, "num_epochs": None, "learning_rate": 1e-4, "precision": "auto"})
    split = dataclasses.replace(split_by_child(demo, ratio=0.1, seed=0), train=by_heart, validation=by_heart)
    reports = Reports()
    Session(some, corpus=demo, split=split, report=reports, workdir=tmp_path, evaluate_at_examples=[12]).run()
    wers, losses = ([row[key] for row in reports.rows] for key in ("eval_wer", "train_loss"))
    assert wers[0] > 0.2
    assert wers[2] < 0.05
    assert losses[2] < 0.5 * losses[1]
