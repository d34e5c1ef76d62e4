"""A command in; the CPU seconds of each process that it started, by what that process was, out.

Every process is looked at five times a second. Those that lost their parent stay below this process, which Linux is
asked to make their new one.
"""

import ctypes
import os
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

_LOOKS_EVERY_S = 0.2
_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
_NOTHING_YET = ("", "ray::IDLE", "default_worker.py", "setup_worker.py")
"""Names of a process that has yet to become something."""


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a command took."""

    status: int
    """The command's exit status."""
    wall_s: float
    cpu_s: dict[str, float]
    """CPU seconds by role, the costliest first; what a process does in its last fifth of a second is not seen."""
    processes: dict[str, int]
    """How many processes had the role."""

    @property
    def all_cpu_s(self) -> float:
        """CPU seconds of all processes together."""
        return sum(self.cpu_s.values())


def spent_by(command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path) -> Spent:
    """Run the command to its end in this folder, its output into a file; what it and all below it took."""
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    not_its = {process.pid for process in psutil.Process().children(recursive=True)}
    seen: dict[tuple[int, float], tuple[str, float]] = {}
    began_s = time.monotonic()
    with log.open("wb") as output:
        running = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        while running.poll() is None:
            for process in psutil.Process().children(recursive=True):
                if process.pid not in not_its:
                    _look(process, seen)
            time.sleep(_LOOKS_EVERY_S)
    wall_s = time.monotonic() - began_s
    _reap(but=not_its)
    cpu_s: dict[str, float] = {}
    for role, seconds in seen.values():
        cpu_s[role] = cpu_s.get(role, 0.0) + seconds
    return Spent(
        status=running.returncode,
        wall_s=round(wall_s, 2),
        cpu_s={role: round(seconds, 2) for role, seconds in sorted(cpu_s.items(), key=lambda each: -each[1])},
        processes=dict(Counter(role for role, _ in seen.values())),
    )


def _look(process: psutil.Process, seen: dict[tuple[int, float], tuple[str, float]]) -> None:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        key = process.pid, process.create_time()
        before = seen.get(key, ("", 0.0))[0]
        # A worker of Ray's is idle before it is anything, and may be so again afterwards.
        named = role_of(process.cmdline()) if before in _NOTHING_YET or before == "raytrain.trial.nursery" else before
        times = process.cpu_times()
        forked = named == "raytrain.trial.nursery" and role_of(process.parent().cmdline()) == named
        seen[key] = "fork of the nursery" if forked else named or before, times.user + times.system


def role_of(command: Sequence[str]) -> str:
    """What a process is: of Ray's workers the actor's class, of others the module, the script or the program."""
    words = [word for word in command if word]
    if not words:
        return ""
    if words[0].startswith("ray::"):
        return words[0].partition(".")[0].partition("(")[0].strip()
    modules = [after for word, after in pairwise(words) if word == "-m"]
    scripts = [Path(word).name for word in words[1:] if word.endswith(".py")]
    return (modules + scripts + [Path(words[0]).name])[0]


def _reap(*, but: set[int]) -> None:
    """Orphans that have ended are ours to bury."""
    for process in psutil.Process().children():
        if process.pid not in but:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
