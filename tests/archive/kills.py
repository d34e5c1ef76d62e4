"""A move stopped before each of its changes of a disk, one after the other: what must hold then, checked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crash_points import Disk, Image, after_each
from runs import archived_contents, contents, debris, without_own_time

from raytrain.archive.store import Archive


@dataclass
class Crashes:
    """A move of one run that was done once, and what is found where it was stopped."""

    archive: Archive
    run: Path
    work: Callable[[], Any]
    whole: dict[str, Any]
    """What the run has to hold, wherever it is."""
    disk: Disk
    broken: list[str] = field(default_factory=list)
    """Each rule that was broken, with where it was."""
    undone: int = 0
    finished: int = 0

    def look(self, image: Image) -> list[str]:
        """What is wrong after this crash, before and after the move is settled and the same command given again."""
        name, found = self.run.name, []
        places = [without_own_time(contents(self.run)), archived_contents(self.archive, name)]
        if without_own_time(self.whole) not in places:
            found.append("whole neither outside nor in the archive")
        verified = self.archive.verify()
        if any(verified.values()):
            found.append(f"verify: {verified}")
        outside, inside = contents(self.run), archived_contents(self.archive, name)
        if (without_own_time(outside) == without_own_time(self.whole)) == (inside == without_own_time(self.whole)):
            found.append(f"after verify not in one place: outside {bool(outside)}, inside {bool(inside)}")
        if lying_about := debris(self.archive.home, self.run.parent):
            found.append(f"left over: {lying_about}")
        self.undone += bool(outside)
        self.finished += bool(inside)
        self.work()
        if lying_about := debris(self.archive.home, self.run.parent):
            found.append(f"left over after the same command again: {lying_about}")
        if any(self.archive.verify().values()):
            found.append("not clean after the same command again")
        return found


def crash_everywhere(
    archive: Archive, run: Path, *, prepare: Callable[[], Any], work: Callable[[], Any], whole: dict[str, Any]
) -> Crashes:
    """Stop `work` at each change in turn. `prepare` lays the disk as it is before; `whole` is what the run holds."""
    prepare()
    roots = {archive.project, run.parent} if not run.is_relative_to(archive.project) else {archive.project}
    crashes = Crashes(archive, run, work, whole, Disk(tuple(roots)))
    crashes.disk.record(work)
    crashes.broken = after_each(crashes.disk, crashes.disk.images, crashes.look)
    return crashes
