"""A real fit whose processes are all killed after each of its steps in turn, and resumed each time. `make soak`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import kill_all

from raytrain.files import sha256_of

STEPS = 4
LIMIT_S = 300


def asked(folder: Path, tiny_en: Path) -> list[str]:
    return [
        "--config", "tiny", f"model.pretrained={tiny_en}", f"storage={folder}", "training.precision=fp32",
        "training.batch_size=4", "training.gradient_accumulation_steps=2", "training.num_epochs=null",
        f"training.max_steps={STEPS}", "training.checkpoint_every_steps=1", "evaluation.every_steps=1",
        "evaluation.max_utterances=2", "tracking.wandb=disabled", "tracking.tensorboard=false", "model.dropout=0.1",
        "training.spec_augment=double",
    ]  # fmt: skip


def fit(arguments: list[str], *, killed_at: str | None = None) -> None:
    """Run raytrain.fit to its end, or kill all of it as soon as it says this."""
    command = [sys.executable, "-m", "raytrain.fit", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        try:
            said = [line for line in iter(process.stderr.readline, "") if not _is_time(line, killed_at, process.pid)]
        finally:
            kill_all(process.pid)
        status = process.wait(LIMIT_S)
    assert status == (-9 if killed_at is not None else 0), "".join(said)


def _is_time(line: str, killed_at: str | None, pid: int) -> bool:
    if killed_at is None or not line.startswith(killed_at):
        return False
    kill_all(pid)
    return True


def killed_after_each_step(results: Path, tiny_en: Path) -> None:
    """A fit that is started once more than it has steps; all starts but the last are killed, each a step later."""
    fit(asked(results, tiny_en), killed_at=f"step 1/{STEPS}: WER")
    (folder,) = results.glob("*_tiny")
    for step in range(2, STEPS + 1):
        fit(["--resume", str(folder)], killed_at=f"step {step}/{STEPS}: WER")
    fit(["--resume", str(folder)])


def ended(results: Path) -> tuple[str, list[float]]:
    """The bits of the weights and the WER at each step, as fit.json has it."""
    (folder,) = results.glob("*_tiny")
    result = json.loads((folder / "fit.json").read_text())["result"]
    weights = sha256_of(folder / result["checkpoint"] / "model.safetensors")
    return weights, [row["eval_wer"] for row in result["history"]]


@pytest.mark.soak
def test_a_fit_whose_processes_are_killed_after_each_step_ends_with_the_bits_of_one_never_killed(
    tiny_en: Path, tmp_path: Path
) -> None:
    fit(asked(tmp_path / "straight", tiny_en))
    killed_after_each_step(tmp_path / "killed", tiny_en)
    assert ended(tmp_path / "killed") == ended(tmp_path / "straight")
