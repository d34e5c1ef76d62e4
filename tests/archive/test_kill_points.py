"""A move that a kill or a power cut stops before any change: the run is whole, and the same command again ends it."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from kills import crash_everywhere
from runs import WHY, contents, make_fit

from raytrain.archive import quiet
from raytrain.archive.store import Archive
from raytrain.archive.tree import remove_tree


@pytest.fixture(params=["one file system", "two"])
def run(request: pytest.FixtureRequest, project: Path, other_disk: Path) -> Path:
    return make_fit((project / "results" if request.param == "one file system" else other_disk) / "run")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "_writers", lambda folder: iter(()))  # a look at all processes, that changes nothing


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


def test_add_can_be_stopped_anywhere(run: Path, archive: Archive, outside: Callable[[], None]) -> None:
    work = partial(archive.add, run, why=WHY, outside=True)
    crashes = crash_everywhere(archive, run, prepare=outside, work=work, whole=contents(run))
    assert crashes.broken == []
    assert crashes.disk.points > 25
    assert crashes.undone > 0
    assert crashes.finished > 0


def test_restore_can_be_stopped_anywhere(run: Path, archive: Archive, outside: Callable[[], None]) -> None:
    def inside() -> None:
        outside()
        archive.add(run, why=WHY, outside=True)

    work = partial(archive.restore, "run")
    crashes = crash_everywhere(archive, run, prepare=inside, work=work, whole=contents(run))
    assert crashes.broken == []
    assert crashes.disk.points > 25
    assert crashes.undone > 0
    assert crashes.finished > 0
