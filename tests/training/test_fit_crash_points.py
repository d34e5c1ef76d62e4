"""A fit stopped before each change of its disk, or by a full one, and gone on with: the same bits at its end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crash_points import Disk, Image, after_each, distinct, some_of
from played_fits import PlayedFit
from small_disk import on_a_disk
from small_runs import small_config

from raytrain.errors import Broken, InputError, RunError
from raytrain.files import sha256_of, write_json
from raytrain.results.description import Description, read_description
from raytrain.speech.corpus import Corpus
from raytrain.speech.split import split_by_child
from raytrain.trial.inputs import Inputs, SplitRecipe, Whereabouts
from raytrain.trial.job import Job

FIGURES = Path(__file__).parents[2] / "results" / "bench" / "soak-fit-crash-points.json"
MEASURED = {"train_examples_per_s", "data_wait_share", "peak_memory_resident_gib", "eval_s", "history"}
PLENTY = 10_000


@pytest.fixture
def played(small_weights: Path, tones: Corpus, tmp_path: Path) -> PlayedFit:
    """Four steps, a checkpoint after two and after four, and two utterances scored."""
    config = small_config(
        4,
        model={"pretrained": str(small_weights), "dropout": 0.1},
        audio={"window": "fitted", "step_s": 0.1, "margin_s": 0.3},
        training={"num_epochs": None, "max_steps": 4, "checkpoint_every_steps": 2},
        evaluation={"every_steps": 2, "max_utterances": 2},
        tracking={"wandb": "disabled", "tensorboard": False},
    )
    split = split_by_child(tones, ratio=0.25, seed=0, stratify=False)
    where = Whereabouts(
        corpora={"": tones.folder}, validation_corpora={}, split=SplitRecipe(ratio=0.25, seed=0, stratify=False)
    )
    (tmp_path / "disk").mkdir()
    description = Description(baseline_name="tiny", baseline=config)
    return PlayedFit(description, Inputs(tones, None, split, where), tmp_path / "disk" / "results")


def ended(played: PlayedFit) -> dict[str, Any]:
    """The fit, gone on with to its end, and all that it leaves but what a clock or a meter measured."""
    folder = played.run()
    result = read_description(folder).result or {}
    checkpoint = folder / str(result.get("checkpoint"))
    return {
        "result": {name: value for name, value in result.items() if name not in MEASURED},
        "whole": played.is_whole(checkpoint),
        "weights": sha256_of(checkpoint / "model.safetensors"),
        "utterances": (folder / "utterances.jsonl").read_text(),
        "predictions": (folder / "predictions.jsonl").read_text(),
    }


@dataclass
class Crashed:
    """A fit that was done once, undisturbed, with all the states in which a crash could have left it."""

    played: PlayedFit
    disk: Disk
    whole: dict[str, Any]

    def gone_on_with(self, image: Image) -> list[str]:
        again = ended(self.played)
        return [name for name in self.whole if again[name] != self.whole[name]]


@pytest.fixture
def crashed(played: PlayedFit, tmp_path: Path) -> Crashed:
    disk = Disk((tmp_path / "disk",))
    disk.record(played.run)
    return Crashed(played, disk, ended(played))


def test_a_fit_that_crashes_goes_on_to_the_same_bits(crashed: Crashed) -> None:
    assert crashed.whole["whole"]
    assert after_each(crashed.disk, some_of(crashed.disk.images, count=6), crashed.gone_on_with) == []


@pytest.mark.soak
def test_a_fit_can_crash_before_every_change_of_its_disk(crashed: Crashed) -> None:
    images = distinct(crashed.disk.images, by=lambda path: True)
    faults = after_each(crashed.disk, images, crashed.gone_on_with)
    figures = {"points": crashed.disk.points, "crashes": len(images), "faults": faults}
    write_json(FIGURES, {"fit": figures})
    print(figures)
    assert faults == []


def filled(played: PlayedFit) -> Callable[[Callable[[], None]], dict[str, Any]]:
    """A fit until its disk is full, and then, with room, to its end."""

    def work(make_room: Callable[[], None]) -> dict[str, Any]:
        said = None
        try:
            played.run()
        except (Broken, InputError) as error:
            said = str(error)
        make_room()
        return {"said": said, "ended": ended(played)}

    return work


def filled_at_each(played: PlayedFit, disk: Path, sizes: list[dict[str, int]]) -> list[str]:
    work = filled(played)
    whole = on_a_disk(disk, work, pages=PLENTY)
    found = [on_a_disk(disk, work, **size) for size in sizes]
    assert [one["ended"] == whole["ended"] for one in found] == [True] * len(sizes)
    return [one["said"] for one in found if one["said"] is not None]


def test_a_fit_whose_disk_is_full_stops_with_a_line_and_goes_on_with_room(played: PlayedFit, tmp_path: Path) -> None:
    said = filled_at_each(played, tmp_path / "disk", [{"pages": 2}, {"pages": 600}, {"pages": PLENTY, "names": 9}])
    assert ["No space left on device; make room" in line for line in said] == [True] * 3


def test_a_fit_whose_worker_found_its_disk_full_has_not_failed(
    played: PlayedFit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(job: Job, **_: Any) -> None:
        raise RunError("OSError: [Errno 28] in whatever language")

    monkeypatch.setattr(played, "_train", refuse)
    with pytest.raises(Broken, match="No space left on device; make room, then go on"):
        played.run()
    (folder,) = (tmp_path / "disk" / "results").iterdir()
    assert read_description(folder).result is None


@pytest.mark.soak
def test_a_disk_can_be_full_before_any_name_of_a_fit(played: PlayedFit, tmp_path: Path) -> None:
    sizes = [{"pages": PLENTY, "names": names} for names in range(2, 34)]
    sizes += [{"pages": pages} for pages in (*range(1, 8), *range(8, 4000, 250))]
    said = filled_at_each(played, tmp_path / "disk", sizes)
    print({"disks": len(sizes), "stopped": len(said)})
    assert ["No space left on device; make room" in line for line in said] == [True] * len(said)
