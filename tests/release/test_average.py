"""Averaging: exact, scored before it is kept, and kept only if it is no worse."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from exported_runs import checkpoint, copy_of, study_of
from safetensors.torch import load_file, save_file

from raytrain.errors import InputError
from raytrain.files import read_value, write_sums
from raytrain.release.average import average_weights
from raytrain.release.export import Exported, export
from raytrain.release.runs import find_run, require_enough
from raytrain.results.word_errors import WordErrors


def exported(fit: Path, to: Path, *, num_averaged: int) -> tuple[Exported, list[str]]:
    said: list[str] = []
    return export(find_run(fit), to=to, form="hf", num_averaged=num_averaged, say=said.append, num_proved=0), said


@pytest.fixture(scope="module")
def of_three(fit: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Exported, list[str]]:
    return exported(fit, tmp_path_factory.mktemp("exported") / "model", num_averaged=3)


def test_a_mean_is_taken_in_float64(tmp_path: Path) -> None:
    values = [1.0, 1e-8, -1.0]  # in float32 the middle one is lost
    files = [tmp_path / f"{number}.safetensors" for number in range(3)]
    [save_file({"weight": torch.tensor([value])}, file) for value, file in zip(values, files, strict=True)]
    average_weights(files, tmp_path / "mean.safetensors")
    assert load_file(tmp_path / "mean.safetensors")["weight"].item() == pytest.approx(1e-8 / 3, rel=1e-6)


def test_an_average_is_kept_if_it_is_no_worse_and_it_is_said_either_way(of_three: tuple[Exported, list[str]]) -> None:
    done, said = of_three
    averaged = done.averaged
    assert averaged is not None
    assert averaged.is_kept == (averaged.average.word_errors.wer <= averaged.single.word_errors.wer)
    assert said == [averaged.sentence]
    assert ("kept" in said[0], "not kept" in said[0]) == (True, not averaged.is_kept)
    assert averaged.sentence in (done.folder / "README.md").read_text()


def test_the_best_single_one_scores_what_its_run_told(of_three: tuple[Exported, list[str]], fit: Path) -> None:
    averaged = of_three[0].averaged
    assert averaged is not None
    assert averaged.single.word_errors.wer == find_run(fit).best.eval_wer


def test_equal_checkpoints_average_to_themselves_and_are_kept(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit", steps=(1, 2))
    one, two = checkpoint(copy, 1) / "model.safetensors", checkpoint(copy, 2) / "model.safetensors"
    two.unlink()
    two.hardlink_to(one)
    write_sums(two.parent)
    done, _ = exported(copy, tmp_path / "model", num_averaged=2)
    assert done.averaged is not None
    assert done.averaged.is_kept
    ours, theirs = load_file(done.folder / "model.safetensors"), load_file(one)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert sorted(read_value(done.folder / "raytrain.json")["steps"]) == [1, 2]


def test_a_worse_average_is_not_kept(of_three: tuple[Exported, list[str]], fit: Path) -> None:
    averaged = of_three[0].averaged
    assert averaged is not None
    worse = replace(averaged.single, word_errors=averaged.single.word_errors + WordErrors(insertions=1))
    judged = replace(averaged, average=worse)
    assert not judged.is_kept
    assert judged.sentence.endswith("not kept: the best single one is exported")


@pytest.mark.parametrize(("count", "fact"), [(0, "2 checkpoints or more"), (1, "2 checkpoints or more"), (4, "has 3")])
def test_too_few_checkpoints_are_refused(count: int, fact: str, fit: Path) -> None:
    with pytest.raises(InputError, match=fact):
        require_enough(find_run(fit), count)


def test_a_trial_which_keeps_one_checkpoint_tells_to_train_a_fit(fit: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has 1 checkpoint\(s\) here; a trial keeps its latest alone"):
        require_enough(find_run(study_of(fit, tmp_path / "study")), 2)
