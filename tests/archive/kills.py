"""A move killed before each of its calls that changes a file, one after the other: what must hold then, checked."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from runs import archived_contents, contents, debris, without_own_time

from raytrain.archive.store import Archive

KILLED = 137
# C functions by name. Each state of the disk is met before one of them; before `write` a new file is still empty.
CHANGES = {"write", "rename", "replace", "unlink", "mkdir", "rmdir", "symlink", "chmod", "utime"}


@dataclass
class Report:
    """How many places a move was killed at, and each rule that was broken at one."""

    points: int = 0
    broken: list[str] = field(default_factory=list)
    undone: int = 0
    finished: int = 0


def killed_at(number: int, work: Callable[[], Any]) -> bool:
    """Do the work in a forked process that dies before the n-th change; False where it ended before that."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(frame: FrameType, event: str, function: Any) -> None:
            nonlocal seen
            if event == "c_call" and function.__name__ in CHANGES:
                seen += 1
                if seen == number:
                    os._exit(KILLED)

        sys.setprofile(count)
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, KILLED), f"the move failed by itself: {status}"
    return status == KILLED


def kill_everywhere(
    archive: Archive, run: Path, *, prepare: Callable[[], Any], work: Callable[[], Any], whole: dict[str, Any]
) -> Report:
    """Kill `work` at each change in turn. `prepare` lays everything anew; `whole` is what the run has to hold."""
    report = Report()
    while True:
        prepare()
        if not killed_at(report.points + 1, work):
            return report
        report.points += 1
        _check(archive, run, work, whole, report)


def _check(archive: Archive, run: Path, work: Callable[[], Any], whole: dict[str, Any], report: Report) -> None:
    name, point = run.name, f"kill {report.points}"
    places = [without_own_time(contents(run)), archived_contents(archive, name)]
    if without_own_time(whole) not in places:
        report.broken.append(f"{point}: whole neither outside nor in the archive")
    found = archive.verify()
    if any(found.values()):
        report.broken.append(f"{point}: verify: {found}")
    outside, inside = contents(run), archived_contents(archive, name)
    if (outside == whole) == (inside == without_own_time(whole)):
        report.broken.append(f"{point}: after verify not in one place: outside {bool(outside)}, inside {bool(inside)}")
    if lying_about := debris(archive.home, run.parent):
        report.broken.append(f"{point}: left over: {lying_about}")
    report.undone += bool(outside)
    report.finished += bool(inside)
    work()
    if lying_about := debris(archive.home, run.parent):
        report.broken.append(f"{point}: left over after the same command again: {lying_about}")
    if any(archive.verify().values()):
        report.broken.append(f"{point}: not clean after the same command again")
