"""Averaging: exact, of weights that have a mean, and by one rule for a run's checkpoints and a study's trials."""

from pathlib import Path

import pytest
import torch
from exported_runs import study_of
from safetensors.torch import load_file, save_file

from raytrain.errors import InputError
from raytrain.release.average import average_weights
from raytrain.release.members import of_run
from raytrain.release.runs import find_run


def saved(folder: Path, *weights: torch.Tensor) -> list[Path]:
    files = [folder / f"{number}.safetensors" for number in range(len(weights))]
    [save_file({"weight": one}, file) for one, file in zip(weights, files, strict=True)]
    return files


def test_a_mean_is_taken_in_float64(tmp_path: Path) -> None:
    values = [1.0, 1e-8, -1.0]  # in float32 the middle one is lost
    average_weights(saved(tmp_path, *(torch.tensor([value]) for value in values)), tmp_path / "mean.safetensors")
    assert load_file(tmp_path / "mean.safetensors")["weight"].item() == pytest.approx(1e-8 / 3, rel=1e-6)


def test_tensors_of_two_sizes_have_no_mean(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has other tensors"):
        average_weights(saved(tmp_path, torch.zeros(2), torch.zeros(3)), tmp_path / "mean.safetensors")


@pytest.mark.parametrize(("count", "fact"), [(0, "2 checkpoints or more"), (1, "2 checkpoints or more"), (4, "has 3")])
def test_too_few_checkpoints_are_refused(count: int, fact: str, fit: Path) -> None:
    with pytest.raises(InputError, match=fact):
        of_run(find_run(fit), count)


def test_a_trial_which_keeps_one_checkpoint_tells_of_the_soup(fit: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has 1 checkpoint\(s\) here; .*--soup K averages the best trials"):
        of_run(find_run(study_of(fit, tmp_path / "study")), 2)
