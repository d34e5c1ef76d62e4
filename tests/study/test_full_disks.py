"""A study on a disk that is full before any of its bytes or names: one line, and with room made all of it is there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from played_studies import SPACE, begin, broken_promises, go_on, told
from small_disk import on_a_disk
from small_studies import small_study

from raytrain.errors import Broken, InputError
from raytrain.files import write_json
from raytrain.study.study import Study

FIGURES = Path(__file__).parents[2] / "results" / "bench" / "soak-full-disks.json"
PLENTY = 10_000


@pytest.fixture(scope="module")
def asked(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return small_study(tmp_path_factory.mktemp("asked"), tiny_en, baseline=("tracking.tensorboard=true",), space=SPACE)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def filled(asked: Study, disk: Path) -> Callable[[Callable[[], None]], dict[str, Any]]:
    """A study on that disk until the disk is full, and then, with room, to its end; what was said and is there."""

    def work(make_room: Callable[[], None]) -> dict[str, Any]:
        reported: list[str] = []
        said = None
        try:
            begin(asked, disk / "results", on_end=lambda record: reported.append(record.trial_id))
        except (Broken, InputError) as error:
            said = str(error)
        make_room()
        again: list[str] = []
        study = go_on(asked, disk / "results", on_end=lambda record: again.append(record.trial_id))
        return {
            "said": said,
            "records": told(study.history.records),
            "repeated": sorted(set(reported) & set(again)),
            "broken": broken_promises(study),
        }

    return work


def faults(found: dict[str, Any], whole: dict[str, Any]) -> list[str]:
    """What is wrong with a study whose disk was full."""
    # Where not even the storage's folder has a name left, another is asked for.
    ways_out = ("make room", "name a folder that can be written to")
    lines = tuple(f"No space left on device; {way_out}" for way_out in ways_out)
    if found["said"] is not None and not any(line in found["said"].splitlines()[0] for line in lines):
        return [f"said: {found['said']}"]
    return [name for name in ("records", "repeated", "broken") if found[name] != whole[name]]


def filled_at_each(asked: Study, disk: Path, sizes: list[dict[str, int]]) -> dict[str, Any]:
    work = filled(asked, disk)
    whole = on_a_disk(disk, work, pages=PLENTY)
    stopped, found = 0, []
    for size in sizes:
        one = on_a_disk(disk, work, **size)
        stopped += one["said"] is not None
        found += [f"{size}: {fault}" for fault in faults(one, whole)]
    return {"disks": len(sizes), "stopped": stopped, "faults": found}


def test_a_study_whose_disk_is_full_stops_with_a_line_and_goes_on_with_room(asked: Study, disk: Path) -> None:
    sizes = [{"pages": pages} for pages in (3, 60)] + [{"pages": PLENTY, "names": names} for names in (4, 30)]
    done = filled_at_each(asked, disk, sizes)
    assert done["faults"] == []
    assert done["stopped"] == 4


@pytest.mark.soak
def test_a_disk_can_be_full_before_any_page_and_any_name_of_a_study(asked: Study, disk: Path) -> None:
    sizes = [{"pages": pages} for pages in range(1, 113)]
    sizes += [{"pages": PLENTY, "names": names} for names in range(2, 80)]
    done = filled_at_each(asked, disk, sizes)
    write_json(FIGURES, {"study": done})
    print(done)
    assert done["faults"] == []
