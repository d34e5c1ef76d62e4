"""A move that is killed before each call that changes a file: the run is whole, and the same command again ends it."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from kills import kill_everywhere
from runs import WHY, contents, make_fit

from raytrain.archive import quiet
from raytrain.archive.store import Archive
from raytrain.archive.tree import remove_tree


@pytest.fixture(params=["one file system", "two"])
def run(request: pytest.FixtureRequest, project: Path, other_disk: Path) -> Path:
    return make_fit((project / "results" if request.param == "one file system" else other_disk) / "run")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process has written is in the kernel's hands: only a power cut needs the disk, and time."""
    monkeypatch.setattr(quiet, "_writers", lambda folder: iter(()))  # a look at all processes, that changes nothing
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def outside(run: Path, archive: Archive, tmp_path: Path) -> Callable[[], None]:
    """Lays the state before an `add`: the run outside, byte for byte, and an empty archive."""
    shutil.copytree(run, tmp_path / "kept", symlinks=True)

    def lay() -> None:
        remove_tree(run)
        remove_tree(archive.home)
        archive.home.mkdir()
        shutil.copytree(tmp_path / "kept", run, symlinks=True)

    return lay


def test_add_can_be_killed_anywhere(run: Path, archive: Archive, outside: Callable[[], None]) -> None:
    work = partial(archive.add, run, why=WHY, outside=True)
    report = kill_everywhere(archive, run, prepare=outside, work=work, whole=contents(run))
    assert report.broken == []
    assert report.points > 25
    assert report.undone > 0
    assert report.finished > 0


def test_restore_can_be_killed_anywhere(run: Path, archive: Archive, outside: Callable[[], None]) -> None:
    def inside() -> None:
        outside()
        archive.add(run, why=WHY, outside=True)

    work = partial(archive.restore, "run")
    report = kill_everywhere(archive, run, prepare=inside, work=work, whole=contents(run))
    assert report.broken == []
    assert report.points > 25
    assert report.undone > 0
    assert report.finished > 0
