"""The greedy soup: a member stays only if it lowers the rate on half of the children; the others say its worth."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from exported_runs import checkpoint, copy_of, edit_json, study_of
from safetensors.torch import load_file, save_file

from raytrain.errors import InputError
from raytrain.files import read_value, write_sums
from raytrain.release.export import Exported, _tell_report, export
from raytrain.release.members import of_run, of_study
from raytrain.release.runs import find_run
from raytrain.release.soup import Soup
from raytrain.report.pages import study_pages
from raytrain.results.study_results import load_study


def weights_of(study: Path, number: int) -> Path:
    return study / f"ray/trial-{number:04}/step-{number + 1:06}"


def soup_of(study: Path, to: Path) -> tuple[Exported, Soup, list[str]]:
    said: list[str] = []
    candidates = of_study(study, 2)
    done = export(find_run(study), to=to, form="hf", candidates=candidates, say=said.append, num_proved=0)
    assert done.soup is not None
    return done, done.soup, said


def shifted(weights: dict[str, torch.Tensor], *, by: float) -> dict[str, torch.Tensor]:
    """By the same noise each time, as much of each tensor's own size."""
    random = torch.Generator().manual_seed(0)
    return {
        name: tensor + by * tensor.std() * torch.randn(tensor.shape, generator=random) if tensor.ndim > 1 else tensor
        for name, tensor in weights.items()
    }


def put(weights: dict[str, torch.Tensor], folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_sums(folder)


@pytest.fixture
def study(fit: Path, tmp_path: Path) -> Path:
    return study_of(copy_of(fit, tmp_path / "fit"), tmp_path / "study")  # whose small files are its own


@pytest.fixture(scope="module")
def apart(fit: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exported, Soup, list[str]]:
    """The soup of two trials that are wrong by the same noise in two directions, so that their mean is right."""
    folder = tmp_path_factory.mktemp("souped")
    study = study_of(copy_of(fit, folder / "fit"), folder / "study")
    right = load_file(checkpoint(fit, 3) / "model.safetensors")
    put(shifted(right, by=0.3), weights_of(study, 0))
    put(shifted(right, by=-0.3), weights_of(study, 1))
    return study, *soup_of(study, folder / "model")


def test_a_mean_that_is_better_is_kept(apart: tuple[Path, Exported, Soup, list[str]], fit: Path) -> None:
    _, done, soup, said = apart
    assert [step.is_taken for step in soup.steps] == [True, True]
    assert soup.steps[1].wer < soup.steps[0].wer
    assert soup.is_kept
    right, ours = load_file(checkpoint(fit, 3) / "model.safetensors"), load_file(done.folder / "model.safetensors")
    assert all(torch.allclose(ours[name], right[name], rtol=0, atol=1e-6) for name in right)
    assert said[-1] == soup.sentence
    assert said[-1].endswith("kept")


def test_the_figures_are_of_children_that_nothing_was_chosen_by(apart: tuple[Path, Exported, Soup, list[str]]) -> None:
    study, done, soup, _ = apart
    scored = find_run(study).best.utterances()
    assert soup.judged is not None
    reported = {row["child_id"] for row in soup.judged.soup.utterances}
    assert soup.choosing_children + len(reported) == len({row["child_id"] for row in scored})
    assert [row["utterance_id"] for row in done.score.rows] == [
        row["utterance_id"] for row in scored if row["child_id"] in reported
    ]


def test_the_card_names_members_and_figures(apart: tuple[Path, Exported, Soup, list[str]]) -> None:
    _, done, soup, _ = apart
    card = (done.folder / "README.md").read_text()
    assert "# study_soup" in card
    assert "the average of those of trial-0000, trial-0001" in card or "of those of trial-0001, trial-0000" in card
    assert soup.sentence in card
    assert "none of whom the average was chosen by" in card
    told = read_value(done.folder / "raytrain.json")
    assert (sorted(told["members"]), told["run"]) == (["trial-0000", "trial-0001"], "study_soup")


def test_the_studys_report_tells_of_its_soup(apart: tuple[Path, Exported, Soup, list[str]]) -> None:
    study, _, soup, _ = apart
    assert load_study(study).soup == soup.sentence
    pages = study_pages(load_study(study))
    assert "Of the best trials' weights: average of trial-000" in pages[".md"]
    assert "--soup 5 --to exported/" in pages[".md"]


def test_nothing_is_written_into_an_archived_study(
    apart: tuple[Path, Exported, Soup, list[str]], tmp_path: Path
) -> None:
    (tmp_path / "MANIFEST.json").touch()
    (tmp_path / "study").mkdir()
    _tell_report(tmp_path / "study", apart[2], say=print)
    assert list((tmp_path / "study").iterdir()) == []


def test_of_a_runs_checkpoints_what_lowers_nothing_is_left_out(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit", steps=(1, 2))
    put(load_file(checkpoint(fit, 2) / "model.safetensors"), checkpoint(copy, 1))
    run, said = find_run(copy), list[str]()
    done = export(run, to=tmp_path / "model", form="hf", candidates=of_run(run, 2), say=said.append, num_proved=0)
    assert done.soup is not None
    assert sorted(step.name for step in done.soup.steps) == ["step 1", "step 2"]
    assert [step.is_taken for step in done.soup.steps] == [True, False]
    assert (done.soup.judged, done.soup.is_kept, len(done.soup.members)) == (None, False, 1)
    assert said[-1] == done.soup.sentence
    assert said[-1].endswith("not kept: the best single one is exported")
    exported, best = (load_file(folder / "model.safetensors") for folder in (done.folder, run.best.folder))
    assert all(torch.equal(exported[name], best[name]) for name in best)
    assert (done.as_dict()["soup"]["eval_wer"], done.as_dict()["steps"]) == (None, [run.best.step])


def test_two_windows_have_no_mean(study: Path) -> None:
    of_one = weights_of(study, 0) / "raytrain.json"
    edit_json(of_one, window=read_value(of_one)["window"] | {"window": "full"})
    with pytest.raises(InputError, match=r"window condensed, trial-0000 is trained for audio window full: .* no mean"):
        of_study(study, 2)


def test_two_beginnings_have_no_mean(study: Path) -> None:
    edit_json(weights_of(study, 0) / "raytrain.json", source="openai/whisper-tiny")
    with pytest.raises(InputError, match=r"trial-0000 is trained from openai/whisper-tiny: their weights have no mean"):
        of_study(study, 2)


def test_trials_scored_on_other_utterances_are_not_compared(study: Path) -> None:
    scored = weights_of(study, 0) / "utterances.jsonl"
    lines = scored.read_text().splitlines(keepends=True)
    scored.unlink()
    scored.write_text("".join(lines[:-1]))
    write_sums(scored.parent)
    with pytest.raises(InputError, match="trial-0001 and trial-0000 were not scored on the same utterances"):
        of_study(study, 2)


def test_weights_that_are_gone_are_named(study: Path) -> None:
    shutil.rmtree(study / "ray" / "trial-0000")
    with pytest.raises(InputError, match=r"weights of 1 trial here; trial-0000: its weights are no longer here"):
        of_study(study, 2)


@pytest.mark.parametrize(("count", "fact"), [(1, "takes 2 trials or more"), (3, r"has the weights of 2 trials")])
def test_too_few_trials_are_refused(count: int, fact: str, study: Path) -> None:
    with pytest.raises(InputError, match=fact):
        of_study(study, count)


def test_one_child_is_too_few_to_choose_by(study: Path, tmp_path: Path) -> None:
    for folder in (weights_of(study, 0), weights_of(study, 1)):
        one_child(folder / "utterances.jsonl")
    with pytest.raises(InputError, match="of 1 child: an average is chosen by some children"):
        soup_of(study, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def one_child(scored: Path, **also: Any) -> None:
    first = scored.read_text().splitlines(keepends=True)[0]
    scored.unlink()
    scored.write_text(first)
    write_sums(scored.parent)
