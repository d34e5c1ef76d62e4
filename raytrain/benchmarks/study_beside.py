"""A small study of ours beside a search of transformers' trainer: what to search in; seconds, start to table, out."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from raytrain.benchmarks.beside import told_by
from raytrain.errors import InputError
from raytrain.speech.manifest import Utterance, iterate_manifest

BATCH_SIZES, ACCUMULATIONS = (6, 18), (2, 6)
EXPECTED_RATIO = 4.0
"""Written down before it was measured."""


@dataclass(frozen=True, kw_only=True)
class StudyWork:
    """What both sides search, and on what."""

    model: str
    variant: str
    folder: str
    """Where the manifests are: train.jsonl and validation.jsonl."""
    trials: int
    threads: int

    def manifest_path(self, half: str) -> Path:
        return Path(self.folder) / f"{half}.jsonl"


def write_manifests(manifest: Path, folder: Path, *, train: int, scored: int) -> None:
    """Two manifests of so many clips, of different children; InputError where there are too few."""
    clips = [one for one in iterate_manifest(manifest) if isinstance(one, Utterance)]
    children = sorted({clip.child_id for clip in clips})
    held_out = set(children[: max(1, len(children) // 4)])
    halves = {
        "train": [clip for clip in clips if clip.child_id not in held_out][:train],
        "validation": [clip for clip in clips if clip.child_id in held_out][:scored],
    }
    if (len(halves["train"]), len(halves["validation"])) != (train, scored):
        raise InputError(f"{manifest}: fewer than {train} clips to train on and {scored} of other children to score")
    for name, half in halves.items():
        lines = [
            {
                "utterance_id": clip.utterance_id,
                "child_id": clip.child_id,
                "age_bucket": clip.age_bucket,
                "audio_path": str(clip.audio_path.absolute()),
                "orthographic_text": clip.orthographic_text,
            }
            for clip in half
        ]
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def compare_studies(work: StudyWork, *, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of both sides, by turns; `study_ratio` is how much longer the peer takes, by the medians."""
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "peer": []}
    for number in range(1, rounds + 1):
        for side, command in (("ours", _ours(work)), ("peer", _peer(work))):
            say(f"round {number} of {rounds}: {side}")
            runs[side].append(_timed(command, work))
            say(f"  {runs[side][-1]['seconds']:g} s, WER {runs[side][-1]['wer']:.4f}")
    middle = {side: median(run["seconds"] for run in told) for side, told in runs.items()}
    return {
        "study_ratio": round(middle["peer"] / middle["ours"], 3),
        "expected": {"study_ratio": EXPECTED_RATIO},
        **{side: {"seconds": seconds, "wer": runs[side][0]["wer"]} for side, seconds in middle.items()},
        "trials": work.trials,
        "threads": work.threads,
        "runs": runs,
    }


def _ours(work: StudyWork) -> list[str]:
    folder = Path(work.folder)
    space = {
        "vary": {
            "training.batch_size": {"low": BATCH_SIZES[0], "high": BATCH_SIZES[1]},
            "training.gradient_accumulation_steps": {"low": ACCUMULATIONS[0], "high": ACCUMULATIONS[1]},
        },
        "search": {"trials": work.trials, "finalists": 0, "seeds": 1, "max_concurrent": 1},
    }
    (folder / "space.yaml").write_text(json.dumps(space), encoding="utf-8")
    keys = {
        "model.pretrained": work.model,
        "model.variant": work.variant,
        "data.train_manifest": work.manifest_path("train"),
        "data.validation_manifest": work.manifest_path("validation"),
        "training.batch_size": BATCH_SIZES[0],
        "training.gradient_accumulation_steps": ACCUMULATIONS[0],
        "training.learning_rate": 1e-5,
        "training.num_epochs": 1,
        "training.precision": "fp32",
        "scaling.cpus_per_worker": work.threads,
        "tracking.wandb": "disabled",
        "tracking.tensorboard": "false",
        "storage": folder / "results",
    }
    overrides = [f"{key}={value}" for key, value in keys.items()]
    asked = ["--baseline", "tiny", "--space", str(folder / "space.yaml"), "--json"]
    return ["raytrain.tune", *asked, *overrides]


def _peer(work: StudyWork) -> list[str]:
    return ["raytrain.benchmarks.peer_study", json.dumps(asdict(work))]


def _timed(command: list[str], work: StudyWork) -> dict[str, Any]:
    began = time.monotonic()
    told = told_by(*command, threads=work.threads)
    return {"seconds": round(time.monotonic() - began, 1), "wer": _wer(told)}


def _wer(told: dict[str, Any]) -> float:
    return float(told["wer"] if "wer" in told else told["best"]["eval_wer"])
