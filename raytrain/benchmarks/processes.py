"""A command in; the CPU seconds of each process that it started, by what that process was, out.

Every process is looked at ten times a second. Those that lost their parent stay below this process, which Linux is
asked to make their new one.
"""

import ctypes
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_LOOKS_EVERY_S = 0.1
_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
_IDLE = "ray::IDLE"


@dataclass(frozen=True)
class Spent:
    """What a command took."""

    status: int
    wall_s: float
    cpu_s_by_role: dict[str, float]
    """CPU seconds by role, the costliest first; what a process does in its last tenth of a second is not seen."""
    count_by_role: dict[str, int]
    """Processes by role."""

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all processes together."""
        return sum(self.cpu_s_by_role.values())


def spent_by(command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path) -> Spent:
    """Run the command to its end in this folder, its output into a file; what it and all below it took."""
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    ours = {process.pid for process in psutil.Process().children()}
    seen: dict[tuple[int, float], tuple[str, float]] = {}
    began_s = time.monotonic()
    with log.open("wb") as output:
        running = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        while running.poll() is None:
            _look(seen, but=ours)
            time.sleep(_LOOKS_EVERY_S)
    wall_s = time.monotonic() - began_s
    cpu: dict[str, float] = {}
    count: dict[str, int] = {}
    for role, cpu_s in seen.values():
        cpu[role] = cpu.get(role, 0.0) + cpu_s
        count[role] = count.get(role, 0) + 1
    _reap(but=ours)
    costly_first = dict(sorted(cpu.items(), key=lambda one: -one[1]))
    return Spent(running.returncode, round(wall_s, 2), {k: round(v, 2) for k, v in costly_first.items()}, count)


def _look(seen: dict[tuple[int, float], tuple[str, float]], *, but: set[int]) -> None:
    for process in psutil.Process().children(recursive=True):
        if process.pid in but:
            continue
        try:
            times, named = process.cpu_times(), _role(process.cmdline())
            key = process.pid, process.create_time()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        before = seen.get(key, (named, 0.0))[0]
        # A worker of Ray's is idle before it is anything, and may be so again afterwards.
        role = before if named in ("", _IDLE) and before != "" else named
        seen[key] = role or "ended", times.user + times.system


def _role(command: Sequence[str]) -> str:
    """What a process is: of Ray's workers the class of the actor, of others the program or the module."""
    if not command:
        return ""
    if command[0].startswith("ray::"):
        return _IDLE if command[0].startswith(_IDLE) else command[0].split(".")[0].split("(")[0].strip()
    modules = [command[at + 1] for at, word in enumerate(command[:-1]) if word == "-m"]
    scripts = [Path(word).name for word in command[1:3] if word.endswith(".py")]
    if "default_worker.py" in scripts:
        return _IDLE
    return (modules + scripts + [Path(command[0]).name])[0]


def _reap(*, but: set[int]) -> None:
    for process in psutil.Process().children():
        if process.pid not in but:
            try:
                os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                continue
