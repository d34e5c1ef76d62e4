"""An archive, or the place a run goes back to, on a disk that is full before any page or name: the run is whole."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from runs import WHY, archived_contents, contents, debris, make_fit, without_own_time
from small_disk import on_a_disk

from raytrain.archive import quiet
from raytrain.archive.store import Archive
from raytrain.errors import Damaged, InputError

PLENTY = 10_000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "_writers", lambda folder: iter(()))  # a look at all processes, that changes nothing


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def tried(move: Callable[[], Any]) -> str | None:
    """What is said of a move that a disk stops; any of these is one line of a door."""
    try:
        move()
    except (InputError, Damaged, OSError) as error:
        return str(error)
    return None


def added(run: Path, disk: Path) -> Callable[[Callable[[], None]], dict[str, Any]]:
    """A run that is to go into an archive on that disk: where it is after the first try, and after one with room."""

    def work(make_room: Callable[[], None]) -> dict[str, Any]:
        whole, archive = without_own_time(contents(run)), Archive(disk / "archive")
        said = tried(lambda: archive.add(run, why=WHY, outside=True))
        make_room()
        archive.recover()
        places = [without_own_time(contents(run)) == whole, archived_contents(archive, "run") == whole]
        archive.add(run, why=WHY, outside=True)
        return {"said": said, "places": places, "faults": faults(archive, run, whole)}

    return work


def faults(archive: Archive, run: Path, whole: dict[str, Any]) -> list[str]:
    """What is wrong with a run that has gone into the archive."""
    found = [fault for faults in archive.verify().values() for fault in faults]
    found += [] if archived_contents(archive, "run") == whole else ["not whole in the archive"]
    return found + debris(archive.home, run.parent)


def filled_at_each(tmp_path: Path, disk: Path, *, pages: Iterable[int], names: Iterable[int]) -> list[str]:
    """What was said on each full disk; the run has to be whole in one place each time, and in the archive at last."""
    sizes = [{"pages": one} for one in pages] + [{"pages": PLENTY, "names": one} for one in names]
    found = []
    for number, size in enumerate(sizes):
        run = make_fit(tmp_path / f"of-{number}" / "run")
        one = on_a_disk(disk, added(run, disk), **size)
        assert one["faults"] == [], size
        assert sum(one["places"]) == 1, size
        found += [one["said"]] if one["said"] is not None else []
    return found


def test_an_archive_on_a_full_disk_leaves_the_run_whole_and_takes_it_with_room(tmp_path: Path, disk: Path) -> None:
    said = filled_at_each(tmp_path, disk, pages=(3, 12), names=(4, 12))
    assert ["no space" in line.lower() for line in said] == [True] * 4


@pytest.mark.soak
def test_an_archive_s_disk_can_be_full_before_any_page_and_name_of_a_move(tmp_path: Path, disk: Path) -> None:
    said = filled_at_each(tmp_path, disk, pages=range(1, 40), names=range(2, 40))
    print({"disks": 77, "stopped": len(said)})
    assert ["no space" in line.lower() for line in said] == [True] * len(said)
