"""What a result was made with: code, versions, hardware, command line and seeds. Neither environment nor secrets."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from pydantic import with_config
from typing_extensions import TypedDict  # typing's own is no type to pydantic before Python 3.12

from raytrain.config.constants import GIB
from raytrain.versions import package_versions


@with_config(extra="allow")
class Commit(TypedDict):
    """The checkout that the package was run from."""

    hash: str
    dirty: bool


@with_config(extra="allow")
class Gpu(TypedDict):
    """A card as nvidia-smi tells of it."""

    name: str
    memory_gib: float | None


@with_config(extra="allow")
class Hardware(TypedDict, total=False):
    """The machine that a run was begun on."""

    cpu: str
    cores: int | None
    memory_gib: float
    gpus: list[Gpu]


@with_config(extra="allow")
class Provenance(TypedDict, total=False):
    """What a result was made with; what another raytrain did not record is not there."""

    command_line: list[str]
    seeds: dict[str, int]
    commit: Commit | None
    python: str
    platform: str
    versions: dict[str, str | None]
    hardware: Hardware


def provenance(command_line: Sequence[str], seeds: Mapping[str, int]) -> Provenance:
    """Code, versions, hardware, command and seeds as JSON values; imports none of the packages it names."""
    return {
        "command_line": list(command_line),
        "seeds": dict(seeds),
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": package_versions(),
        "hardware": {
            "cpu": _cpu_model(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / GIB, 1),
            "gpus": gpus(),
        },
    }


def command_line(module: str) -> list[str]:
    """How the running door was called, in the form that repeats it from anywhere: python -m raytrain.X ..."""
    return ["python", "-m", module, *(ascii(part)[1:-1] if _is_torn(part) else part for part in sys.argv[1:])]


def _is_torn(text: str) -> bool:
    """Whether bytes that are no UTF-8 came in as halves of surrogate pairs, which no file of ours can hold."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _commit() -> Commit | None:
    """The checkout this package is run from, and whether it differs from its commit; None where it is installed."""
    checkout = Path(__file__).resolve().parents[2]
    found = _output(["git", "-C", str(checkout), "rev-parse", "--show-toplevel", "HEAD"])
    top, _, commit = (found or "").rpartition("\n")
    # A package installed under somebody's project would otherwise name that project's commit as ours.
    if not top or Path(top).resolve() != checkout:
        return None
    changed = _output(["git", "-C", str(checkout), "status", "--porcelain", "--untracked-files=no"])
    return {"hash": commit, "dirty": bool(changed)}


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def gpus() -> list[Gpu]:
    """Name and size of each card, as nvidia-smi reports them; nothing where there is no such tool."""
    listed = _output(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"])
    cards = [line.rpartition(",") for line in (listed or "").splitlines()]
    return [
        {"name": name.strip(), "memory_gib": round(int(mebibytes) / 1024, 1) if mebibytes.strip().isdigit() else None}
        for name, _, mebibytes in cards
    ]


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
