"""A run killed at any step and gone on with is bit for bit the run that nobody stopped, with all that is drawn on."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import PERTURBED, small_config

from raytrain.config.baseline import Baseline, Data
from raytrain.results.records import Row
from raytrain.speech.corpus import Corpus
from raytrain.speech.split import split_by_child
from raytrain.training.session import Session

STEPS = 6
MEASURED = {"train_examples_per_s", "data_wait_share", "peak_memory_resident_gib", "eval_s"}


class Killed(BaseException):
    """Nothing of raytrain catches it: the run is gone in the middle, as by SIGKILL."""


def drawn_on(pretrained: Path, **training: Any) -> Baseline:
    """6 steps of 2 x 8 with dropout, doubled SpecAugment, changed sound, random windows and 2 steps a checkpoint."""
    return small_config(
        8,
        2,
        model={"pretrained": str(pretrained), "dropout": 0.1, "gradient_checkpointing": True},
        audio={"window": "fitted", "step_s": 0.1, "margin_s": 0.3, "jitter_s": 0.5},
        training={
            "num_epochs": 2, "max_steps": STEPS, "checkpoint_every_steps": 2, "spec_augment": "double",
            "warmup_steps": 2, "max_grad_norm": 1.0, **training,
        },
        augmentation=PERTURBED,
        evaluation={"every_steps": 2, "max_utterances": 3},
    )  # fmt: skip


def run(
    config: Baseline, corpus: Corpus, workdir: Path, *, resume_from: Path | None = None, killed_after: int | None = None
) -> tuple[Path | None, Row | None]:
    """The last checkpoint and row that were reported; killed after so many steps of its own, if given."""
    kept, last, steps = resume_from, None, 0

    def report(row: Row, checkpoint: Path | None) -> None:
        nonlocal kept, last
        kept, last = checkpoint or kept, row

    def watch(phase: str, examples_seen: int, examples_total: int) -> None:
        nonlocal steps
        steps += phase == "training"
        if steps == killed_after:
            raise Killed

    split = split_by_child(corpus, ratio=0.25, seed=0, stratify=False)
    session = Session(
        config, corpus=corpus, split=split, report=report, workdir=workdir, resume_from=resume_from, watch=watch,
        device="cpu", score_first=False,
    )  # fmt: skip
    try:
        session.run()
    except Killed:
        assert last is None or not last.finished
    return kept, last


def bits(ended: tuple[Path | None, Row | None]) -> dict[str, Any]:
    """All of a run's end but what a clock or a meter measured."""
    checkpoint, row = ended
    assert checkpoint is not None
    assert row is not None
    optimizer = torch.load(checkpoint / "training_state.pt", weights_only=True)["optimizer"]["state"]
    moments = b"".join(part.numpy().tobytes() for one in optimizer.values() for part in one.values())
    return {
        "weights": _sha256((checkpoint / "model.safetensors").read_bytes()),
        "moments": _sha256(moments),
        "utterances": (checkpoint / "utterances.jsonl").read_text(),
        "history": [{key: value for key, value in one.items() if key not in MEASURED} for one in row.history],
        "step": row.step,
    }


def killed_once(config: Baseline, corpus: Corpus, workdir: Path, *, after: int) -> dict[str, Any]:
    kept, _ = run(config, corpus, workdir / "killed", killed_after=after)
    return bits(run(config, corpus, workdir / "resumed", resume_from=kept))


def killed_always(config: Baseline, corpus: Corpus, workdir: Path) -> dict[str, Any]:
    """Each start is killed one step after a checkpoint of its own; the number of starts follows from that."""
    kept, last, starts = None, None, 0
    while last is None or not last.finished:
        kept, last = run(config, corpus, workdir / f"start-{starts}", resume_from=kept, killed_after=3)
        starts += 1
    assert starts == STEPS / 2
    return bits((kept, last))


def test_a_run_killed_after_any_step_ends_with_the_bits_of_one_never_killed(
    small_weights: Path, tones: Corpus, tmp_path: Path
) -> None:
    config = drawn_on(small_weights)
    straight = bits(run(config, tones, tmp_path / "straight"))
    killed = {n: killed_once(config, tones, tmp_path / str(n), after=n) for n in range(1, STEPS + 1)}
    assert killed == dict.fromkeys(range(1, STEPS + 1), straight)


def test_a_run_killed_again_and_again_ends_with_the_bits_of_one_never_killed(
    small_weights: Path, tones: Corpus, tmp_path: Path
) -> None:
    config = drawn_on(small_weights)
    straight = bits(run(config, tones, tmp_path / "straight"))
    assert killed_always(config, tones, tmp_path) == straight


def test_a_run_on_two_manifests_with_weights_killed_in_its_second_epoch_ends_with_the_same_bits(
    small_weights: Path, two_sources: Corpus, tmp_path: Path
) -> None:
    sources = ["home.jsonl", {"manifest": "school.jsonl", "weight": 1.5}]
    config = drawn_on(small_weights).model_copy(update={"data": Data.model_validate({"train_manifest": sources})})
    straight = bits(run(config, two_sources, tmp_path / "straight"))
    assert straight["history"][-1]["examples_seen"] == 2 * (19 + 15 + 8)  # of 15 another 8 twice in each epoch
    assert killed_once(config, two_sources, tmp_path, after=4) == straight


@pytest.mark.soak
def test_real_weights_killed_after_any_step_end_with_the_bits_of_a_run_never_killed(
    tiny_en: Path, demo: Corpus, tmp_path: Path
) -> None:
    config = drawn_on(tiny_en, learning_rate=1e-5)
    straight = bits(run(config, demo, tmp_path / "straight"))
    killed = {n: killed_once(config, demo, tmp_path / str(n), after=n) for n in range(1, STEPS + 1)}
    assert killed == dict.fromkeys(range(1, STEPS + 1), straight)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
