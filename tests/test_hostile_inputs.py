"""Hostile inputs at every door and in every file: no traceback, no hang over 20 s, and less than 1 GiB of memory more.

`make test` tries 300, `make soak` 10,000 and writes results/bench/soak-hostile.json. Other inputs:
HOSTILE_SEED=7 HOSTILE_COUNT=500 pytest tests/test_hostile_inputs.py. What fails is printed with the command that
repeats it.
"""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hostile_words import NAMES, VALUES

from raytrain.files import write_json
from raytrain.results.provenance import provenance

TESTS = Path(__file__).parent
RUN = TESTS / "helpers" / "hostile_run.py"
FIGURES = TESTS.parent / "results" / "bench" / "soak-hostile.json"
SEED = int(os.environ.get("HOSTILE_SEED", "0"))
COUNT = int(os.environ.get("HOSTILE_COUNT", "300"))
IN_SOAK = 10_000
Told = dict[str, Any]


def tried(folder: Path, *, seed: int, count: int) -> list[Told]:
    """What is told of each input. One that ends the process of all counts as a fault, and the next one begins anew."""
    told: list[Told] = []
    while len(told) < count:
        begun = run(folder, seed=seed, first=len(told), count=count - len(told))
        assert begun, (folder / "stderr").read_text()
        ended = [line for line in begun if "status" in line]
        told += ended
        if len(told) < count:
            told.append({**begun[-1], "status": "died", "fault": "the process died", "seconds": 0.0, "mib": 0})
    return told


def run(folder: Path, *, seed: int, first: int, count: int) -> list[Told]:
    command = [sys.executable, str(RUN), *("--made", str(folder)), *("--seed", str(seed))]
    command += ["--first", str(first), "--count", str(count)]
    about = {"PYTHONPATH": f"{TESTS.parent}:{TESTS / 'helpers'}", "RAYTRAIN_MODELS": str(folder / "models")}
    with (folder / "stderr").open("wb") as stderr:
        done = subprocess.run(
            command, env={**os.environ, **about}, stdout=subprocess.PIPE, stderr=stderr, timeout=3 * 3600
        )
    return [json.loads(line) for line in done.stdout.splitlines()]


def faults(told: list[Told], *, seed: int, folder: Path) -> list[str]:
    """What went wrong with which input, and how to try it again."""
    command = f"python tests/helpers/{RUN.name} --made {folder} --count 1 --seed {seed}"
    again = f"RAYTRAIN_MODELS={folder / 'models'} PYTHONPATH=.:tests/helpers {command}"
    return [
        f"{again} --first {one['number']}  # {one['target']}\n{json.dumps(one, indent=1)}\n{one['fault']}"
        for one in told
        if one["fault"]
    ]


@pytest.fixture(scope="module")
def folder(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "models").mkdir()
    (folder / "models" / "whisper-tiny.en").symlink_to(tiny_en)
    return folder


def test_hostile_inputs_end_in_no_traceback_no_hang_and_no_large_memory(folder: Path) -> None:
    found = tried(folder, seed=SEED, count=COUNT)
    wrong = faults(found, seed=SEED, folder=folder)
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.soak
def test_ten_thousand_hostile_inputs_end_well(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(folder, seed=SEED + 1, count=IN_SOAK)
    told = figures(found) | {"seed": SEED + 1}
    write_json(FIGURES, told | {"provenance": provenance(["make", "soak"], {})})
    with capsys.disabled():
        print("\nhostile inputs", json.dumps(told, indent=1))
    wrong = faults(found, seed=SEED + 1, folder=folder)
    assert not wrong, "\n\n".join(wrong)


def figures(told: list[Told]) -> dict[str, Any]:
    """How many inputs there were of each target, how they ended, and the largest of what they took."""
    statuses = Counter(str(one["status"]) for one in told)
    slowest, largest = max(told, key=lambda one: one["seconds"]), max(told, key=lambda one: one["mib"])
    return {
        "inputs": len(told),
        "tracebacks": statuses["raised"],
        "hangs": statuses["hung"],
        "deaths": statuses["died"],
        "other_faults": sum(bool(one["fault"]) for one in told)
        - statuses["raised"] - statuses["hung"] - statuses["died"],
        "by_target": dict(Counter(one["target"] for one in told)),
        "by_end": dict(statuses),
        "slowest": {key: slowest[key] for key in ("target", "number", "seconds")},
        "most_memory": {key: largest[key] for key in ("target", "number", "mib")},
    }  # fmt: skip


DOORS: tuple[tuple[str, ...], ...] = (
    ("plan",), ("plan", "--json"), ("tune", "--dry-run", "--json"),
    ("fit", "--dry-run"), ("tune", "--dry-run"), ("fit",),
    ("archive", "list"), ("archive", "list", "--json"), ("archive", "verify"), ("report", "nowhere"), ("data", "check"),
    ("data", "check", "demo"), ("export", "nowhere", "--to", "x"), ("bench", "memory"), ("fit", "--help"), ("tune",),
    ("score", "nowhere", "--manifest", "demo"), ("transcribe", "nowhere", "x"),
)  # fmt: skip
WORDS = ("--json", "--help", "--trials=0", "--resume", "--config", "x=y", "--", "-", "", "storage=/dev/null", "--demo")
ENVIRONMENT: tuple[tuple[str, str | None], ...] = (
    *(("LC_ALL", "C"), ("LANG", "nonsense"), ("PYTHONIOENCODING", "ascii"), ("PYTHONUTF8", "0"), ("TERM", "dumb")),
    *(("COLUMNS", "1"), ("COLUMNS", "-1"), ("COLUMNS", "x"), ("HOME", None), ("HOME", "/dev/null"), ("PATH", None)),
    *(("RAYTRAIN_CACHE", "/dev/null/x"), ("RAYTRAIN_CACHE", ""), ("TMPDIR", "/nowhere"), ("FORCE_COLOR", "1")),
    *(("RAYTRAIN_MODELS", "\udcff"), ("WANDB_MODE", "oflin"), ("RAY_ADDRESS", "nobody:1"), ("USER", None)),
)
FOLDERS = ("here", "what?now", "%41#x", "\udcff", "\x1b[31mred", "-x", "gone", "n" * 200)
STREAMS = ("<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "> /dev/full", "2> /dev/full", "| true", "< /dev/zero", "")


def ended(folder: Path, number: int) -> tuple[int, str, str]:
    """A real process with hostile arguments, environment, working folder and streams: its end, its words, its shell."""
    rng = random.Random(f"process {SEED} {number}")
    here = os.fsencode(folder / str(number) / rng.choice(FOLDERS))
    Path(os.fsdecode(here)).mkdir(parents=True)
    door, *given = rng.choice(DOORS)
    given += rng.choices((*WORDS, *NAMES, *VALUES), k=rng.choice((0, 0, 1, 2)))
    environment = dict(rng.choices(ENVIRONMENT, k=rng.randint(0, 3)))
    kept = {**os.environ, "PYTHONPATH": str(TESTS.parent), "RAY_ADDRESS": "127.0.0.1:9", **environment}
    leave = 'rmdir "$PWD"; ' if here.endswith(b"gone") else ""
    script = f'{leave}set -o pipefail; "$@" {rng.choice(STREAMS)}'
    command = ["/bin/bash", "-c", script, "bash", sys.executable, "-m", f"raytrain.{door}", *given]
    done = subprocess.run(
        [os.fsencode(word) for word in command],
        env={name: value for name, value in kept.items() if value is not None},
        cwd=here, capture_output=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stderr.decode("utf-8", "replace"), repr((script, door, given, environment, here))


def process_faults(folder: Path, numbers: range) -> list[str]:
    found = [ended(folder, number) for number in numbers]
    return [
        f"{about}\nstatus {status}\n{said[-3000:]}"
        for status, said, about in found
        if status not in (0, 1, 2) or "Traceback" in said or "Exception ignored" in said
    ]


def test_processes_with_hostile_surroundings_end_in_no_traceback(folder: Path) -> None:
    found = process_faults(folder, range(8))
    assert not found, "\n\n".join(found)


@pytest.mark.soak
def test_sixty_processes_with_hostile_surroundings_end_in_no_traceback(folder: Path) -> None:
    found = process_faults(folder, range(60))
    assert not found, "\n\n".join(found)
