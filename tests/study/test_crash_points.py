"""A study stopped before each of its changes of the disk, by a kill or a power cut, and gone on with from there."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
import pytest
from crash_points import Disk, Image, after_each, distinct, some_of
from played_studies import PRUNED, SPACE, begin, broken_promises, go_on, told, unshown
from small_studies import small_study

from raytrain.files import write_json
from raytrain.study.projection import FILE_NAME, Projection
from raytrain.study.study import Study

FIGURES = Path(__file__).parents[2] / "results" / "bench" / "soak-crash-points.json"


@dataclass
class Crashed:
    """A study that was done once, undisturbed, with all the states in which a crash could have left it."""

    asked: Study
    results: Path
    disk: Disk
    records: list[dict[str, object]]

    def gone_on_with(self, image: Image) -> list[str]:
        """What is wrong with the study after the crash that this image is of, once it has been gone on with."""
        again: list[str] = []
        study = go_on(self.asked, self.results, on_end=lambda record: again.append(record.trial_id))
        ids = [record.trial_id for record in study.history.records]
        faults = [f"{one} was reported and is lost" for one in image.promised if one not in ids]
        faults += [f"{one} was reported and is trained again" for one in again if one in image.promised]
        faults += [f"{one} is there twice" for one in sorted(set(ids)) if _lines(study).count(one) > 1]
        if told(study.history.records) != self.records:
            faults.append(f"ends with other trials: {ids}")
        return faults + broken_promises(study)

    def shown_again(self, image: Image) -> list[str]:
        """What is wrong with optuna.db after this crash, once the study that it shows is opened and closed again."""
        found = next(self.results.glob("*/study.json"), None)
        if found is None:
            return []
        study = replace(self.asked, folder=found.parent)
        Projection(study.history, study.folder).close()
        shown = optuna.load_study(study_name=None, storage=f"sqlite:///{study.folder / FILE_NAME}").trials
        return [] if len(shown) == study.history.next_number else [f"{len(shown)} trials are shown"]


@pytest.fixture(scope="module")
def crashed(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Crashed:
    """Seven trials and two repeats: one inherits, one is pruned, one fails, one is refused."""
    home = tmp_path_factory.mktemp("crashed")
    asked = small_study(home / "asked", tiny_en, space=SPACE)
    results, reported, disk = home / "results", [], Disk((home,))
    done: list[Study] = []
    work: Callable[[], object] = lambda: done.append(  # noqa: E731
        begin(asked, results, on_end=lambda record: reported.append(record.trial_id))
    )
    disk.record(work, promised=lambda: tuple(reported))
    return Crashed(asked, results, disk, told(done[0].history.records))


def test_a_study_that_crashes_loses_and_repeats_nothing(crashed: Crashed) -> None:
    assert after_each(crashed.disk, some_of(crashed.disk.images, count=8), crashed.gone_on_with) == []


def test_a_trial_that_was_told_to_stop_and_has_no_record_is_recorded_as_it_stood(crashed: Crashed) -> None:
    told_to_stop = [image for image in crashed.disk.images if _is_being_pruned(image)]
    assert {image.kind for image in told_to_stop} >= {"kept", "dropped"}
    assert after_each(crashed.disk, some_of(told_to_stop, count=4), crashed.gone_on_with) == []


@pytest.mark.soak
def test_a_study_can_crash_before_every_change_of_its_disk(crashed: Crashed) -> None:
    differing = distinct(crashed.disk.images, by=lambda path: not path.name.startswith(FILE_NAME))
    with unshown():
        faults = after_each(crashed.disk, differing, crashed.gone_on_with)
    shown = distinct(crashed.disk.images, by=lambda path: path.name.startswith(FILE_NAME))
    faults += after_each(crashed.disk, shown, crashed.shown_again)
    figures = {
        "points": crashed.disk.points,
        "crashes": len(crashed.disk.images),
        "gone on with": len(differing),
        "states of optuna.db": len(shown),
        "faults": faults,
    }
    write_json(FIGURES, {"study": figures})
    print(figures)
    assert faults == []


def _is_being_pruned(image: Image) -> bool:
    """Whether its score at the rung is on the disk, and its line in the ledger is not."""
    written = {path.name: node.content for path, node in image.nodes.items() if isinstance(node.content, bytes)}
    events = [json.loads(line) for line in written.get("events.jsonl", b"").splitlines(keepends=True) if b"\n" in line]
    scored = any(one["event"] == "scored" and one["number"] == PRUNED for one in events)
    return scored and f"trial-{PRUNED:04}".encode() not in written.get("trials.jsonl", b"")


def _lines(study: Study) -> list[str]:
    return [json.loads(line)["trial_id"] for line in study.history.ledger.path.read_text().splitlines()]
