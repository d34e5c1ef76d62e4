"""What the one place for files promises of a crash at any moment: the old or the new, and the new once it returned."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crash_points import Disk, Image, after_each

from raytrain.files import AppendedLines, make_folder, move, whole_folder, write_text

LONG = "a line that is written again\n" * 2000


def states(
    root: Path, work: Callable[[], Any], look: Callable[[], Any], *, allowed: list[Any], after: list[Any]
) -> list[str]:
    """Where a crash of this work leaves what is none of these states; or, once it has returned, none of those."""
    returned: list[bool] = []
    disk = Disk((root,))

    def all_of_it() -> None:
        work()
        returned.append(True)
        Path(root / "later").write_text("")  # a change to crash before

    def found(image: Image) -> list[str]:
        now = look()
        return [] if now in (after if image.promised else allowed) else [f"{str(now)[:60]!r}"]

    disk.record(all_of_it, promised=lambda: bool(returned))
    assert any(image.promised for image in disk.images)
    return after_each(disk, disk.images, found)


def text_of(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def test_a_text_is_the_old_one_or_the_new_and_the_new_once_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("old")
    path = tmp_path / "text"
    found = states(tmp_path, lambda: write_text(path, LONG), lambda: text_of(path), allowed=["old", LONG], after=[LONG])
    assert found == []


def test_a_text_in_folders_that_were_missing_is_there_with_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "one" / "two" / "text"
    found = states(tmp_path, lambda: write_text(path, LONG), lambda: text_of(path), allowed=[None, LONG], after=[LONG])
    assert found == []


def test_a_folder_that_was_made_stays_with_those_above_it(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two"
    found = states(tmp_path, lambda: make_folder(folder), folder.is_dir, allowed=[False, True], after=[True])
    assert found == []


def test_a_folder_is_whole_under_its_name_or_not_there(tmp_path: Path) -> None:
    target = tmp_path / "above" / "target"

    def build() -> None:
        with whole_folder(target) as built:
            (built / "below").mkdir()
            (built / "below" / "one").write_text(LONG)
            (built / "two").write_text(LONG)

    def look() -> list[str | None] | None:
        return [text_of(target / name) for name in ("below/one", "two")] if target.exists() else None

    assert states(tmp_path, build, look, allowed=[None, [LONG, LONG]], after=[[LONG, LONG]]) == []


def test_a_moved_folder_is_in_one_of_its_two_places(tmp_path: Path) -> None:
    source, target = tmp_path / "from" / "run", tmp_path / "to" / "run"
    source.mkdir(parents=True)
    target.parent.mkdir()
    found = states(
        tmp_path,
        lambda: move(source, target),
        lambda: (source.exists(), target.exists()),
        allowed=[(True, False), (False, True)],
        after=[(False, True)],
    )
    assert found == []


@pytest.mark.parametrize("before", [0, 1])
def test_a_line_is_whole_or_not_there_and_those_before_it_stay(tmp_path: Path, before: int) -> None:
    path = tmp_path / "lines.jsonl"

    def lines() -> AppendedLines[dict[str, Any]]:
        return AppendedLines(path, parse=lambda values, place: values)

    old: list[dict[str, Any]] = [{"text": LONG, "number": 0}] * before
    new = {"text": LONG, "number": 1}
    path.unlink(missing_ok=True) if not before else lines().append(old[0])
    found = states(
        tmp_path, lambda: lines().append(new), lambda: lines().read(), allowed=[old, [*old, new]], after=[[*old, new]]
    )
    assert found == []
