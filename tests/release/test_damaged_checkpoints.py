"""No damaged checkpoint is exported, averaged or trained on as if it were whole."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from damages import OF_A_MODEL, small_checkpoint
from exported_runs import checkpoint, copy_of, study_of

from raytrain.errors import InputError
from raytrain.files import SUMS, take_out
from raytrain.release.export import export
from raytrain.release.members import of_run
from raytrain.release.runs import find_run
from raytrain.whisper.weights import check


@pytest.mark.parametrize("damage", OF_A_MODEL.values(), ids=OF_A_MODEL)
def test_a_damaged_checkpoint_is_named_and_the_next_best_taken(
    damage: Callable[[Path], None], fit: Path, tmp_path: Path
) -> None:
    copy = copy_of(fit, tmp_path / "fit", steps=())
    for step, wer in ((1, 0.5), (2, 0.3)):
        small_checkpoint(checkpoint(copy, step), eval_wer=wer)
    assert find_run(copy).best.step == 2
    damage(checkpoint(copy, 2))
    run = find_run(copy)
    assert [one.step for one in run.checkpoints] == [1]
    (line,) = run.damaged
    assert line.startswith(f"{checkpoint(copy, 2)}: ")
    with pytest.raises(InputError, match=r"has 1 checkpoint\(s\) here"):
        of_run(run, 2)


@pytest.mark.parametrize("kind", ["half a file", "all NaN", "a flipped exponent", "another model's config"])
def test_a_checkpoint_of_an_earlier_version_without_sums_is_looked_at(kind: str, fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit", steps=(1,))
    (checkpoint(copy, 1) / SUMS).unlink()
    assert find_run(copy).damaged == []
    OF_A_MODEL[kind](checkpoint(copy, 1))
    with pytest.raises(InputError, match="holds no whole checkpoint; "):
        find_run(copy)


def test_the_door_says_what_it_passed_over(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit")
    best = find_run(fit).best.step
    OF_A_MODEL["a byte more"](checkpoint(copy, best))
    command = [sys.executable, "-m", "raytrain.export", copy, "--to", tmp_path / "model", "--prove", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert f"{checkpoint(copy, best)}: model.safetensors: its bytes are not those that were written" in done.stderr
    summed = subprocess.run(["sha256sum", "--quiet", "-c", SUMS], cwd=tmp_path / "model", check=False)
    assert summed.returncode == 0


def test_without_a_whole_checkpoint_the_door_ends_in_a_line(fit: Path, tmp_path: Path) -> None:
    study = study_of(fit, tmp_path / "study")
    OF_A_MODEL["all zeros"](study / "ray" / "trial-0001" / "step-000002")
    command = [sys.executable, "-m", "raytrain.export", study, "--to", tmp_path / "model"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, (tmp_path / "model").exists()) == (2, False)
    (line,) = done.stderr.splitlines()
    assert "step-000002: model.safetensors: its bytes are not those that were written; train it again with" in line


def test_an_ended_trials_checkpoint_without_its_state_is_whole(fit: Path, tmp_path: Path) -> None:
    study = study_of(fit, tmp_path / "study")
    take_out(study / "ray" / "trial-0001" / "step-000002", "training_state.pt")
    assert find_run(study).damaged == []
    (study / "ray" / "trial-0000" / "step-000001" / "training_state.pt").unlink()  # as earlier versions did
    assert find_run(study / "ray" / "trial-0000" / "step-000001").damaged == []


def test_an_exported_model_that_was_damaged_is_not_trained_on(fit: Path, tmp_path: Path) -> None:
    run = find_run(checkpoint(fit, 1))
    export(run, to=tmp_path / "model", form="hf", say=print, num_proved=0)
    model = run.config.model.model_copy(update={"pretrained": str(tmp_path / "model")})
    (tmp_path / "model" / "README.md").write_text("edited, as it is meant to be")
    check(model)
    OF_A_MODEL["a flipped exponent"](tmp_path / "model")
    with pytest.raises(InputError, match=r"model\.pretrained: .*its bytes are not those .*fetch it again"):
        check(model)
