"""One bad run never blocks the others: whatever is damaged, it is named, and all others list, show, verify, return."""

import random
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hostile_archive import BESIDE, damaged_archive
from runs import WHY, make_fit
from test_summaries import make_trainer_folder

from raytrain.archive.__main__ import main
from raytrain.archive.store import Archive
from raytrain.archive.tree import remove_tree

STUDY = Path(__file__).parents[1] / "data" / "studies" / "version-2"
RUNS = ("fit", "foreign", "study")


def call(archive: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The door's exit status; anything that is no status is a traceback, and fails the test."""
    monkeypatch.setattr(sys, "argv", ["archive", "--archive", str(archive), *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("originals") / "project"
    make_fit(project / "results" / "fit")
    make_trainer_folder(project / "results" / "foreign", [0.31, 0.19])
    shutil.copytree(STUDY, project / "results" / "study")
    for name in RUNS:
        Archive(project / "archive").add(project / "results" / name, why=WHY)
    return project


def after_a_damage(originals: Path, folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What went wrong with the runs that were not damaged, or with an exit status, after one damage; none is right."""
    project = folder / "project"
    shutil.copytree(originals, project, symlinks=True)
    about = damaged_archive(project / "archive", random.Random(seed))
    name = about.partition(": ")[0]
    wrong = statuses(project / "archive", name, monkeypatch)
    remove_tree(project)
    return [f"seed {seed}, {about}: {one}" for one in wrong]


def statuses(home: Path, damaged: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    others = [name for name in RUNS if name != damaged]
    done = {"list": call(home, monkeypatch, "list"), "list --json": call(home, monkeypatch, "list", "--json")}
    allowed = {"list": (0, 1), "list --json": (0, 1)}
    if damaged != BESIDE:
        for command in (("show", damaged), ("verify", damaged), ("restore", damaged, "--keep", "--to", f"{home}/../b")):
            done[" ".join(command)] = call(home, monkeypatch, *command)
            allowed[" ".join(command)] = (0, 1, 2)
    commands = [(command, name) for name in others for command in ("show", "verify", "restore")]
    for command in commands:
        done[" ".join(command)] = call(home, monkeypatch, *command)
    restored = [f"{name} did not come back" for name in others if not (home.parent / "results" / name).is_dir()]
    make_trainer_folder(home.parent / "results" / "new", [0.2])
    done["add"] = call(home, monkeypatch, "add", str(home.parent / "results" / "new"), "--why", WHY)
    wrong = [f"{what} ends in {status}" for what, status in done.items() if status not in allowed.get(what, (0,))]
    return wrong + restored


@pytest.mark.parametrize("seeds", [range(start, start + 10) for start in range(0, 100, 10)], ids=str)
def test_a_damage_leaves_the_other_runs_listed_shown_verified_and_restored(
    seeds: Sequence[int], originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [wrong for seed in seeds for wrong in after_a_damage(originals, tmp_path, seed, monkeypatch)] == []
