"""200 processes killed at random inside `add` and `restore`: the run is whole each time. `make soak` runs it."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from runs import archived_contents, contents, debris, make_fit, without_own_time

from raytrain.archive.store import Archive
from raytrain.files import write_json
from raytrain.results.provenance import provenance

FIGURES = Path(__file__).parents[2] / "results" / "bench" / "soak-archive.json"
KILLS_EACH = 100
WEIGHTS_BYTES = 2**24


@dataclass
class Round:
    """Kills on one pair of file systems, and how each found the run afterwards."""

    run: Path
    archive: Archive
    whole: dict[str, Any]
    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Of each command undisturbed: until its journal is there, and from then to its end."""
    found: Counter[str] = field(default_factory=Counter)
    ended_before_the_kill: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(self.found.values())

    def kill_once(self, chance: random.Random) -> None:
        """Start whichever command is next and kill it: every other time once its move has begun, else at any time."""
        command = "add" if self.run.exists() else "restore"
        before, moving = self.seconds[command]
        process = self.start(command)
        if chance.random() < 0.5:
            self.await_journal(process)
            time.sleep(chance.uniform(0, moving))
        else:
            time.sleep(chance.uniform(0, before + moving))
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            self.ended_before_the_kill += 1
        else:
            self.found[f"{command}: {self.look(command)}"] += 1

    def look(self, command: str) -> str:
        """What the kill left, and, once `verify` has tidied up, where the run is; what must not be is kept."""
        both = [without_own_time(contents(self.run)), archived_contents(self.archive, "run")]
        on_the_way = bool(debris(self.archive.home, self.run.parent))
        self.expect(without_own_time(self.whole) in both, f"{command}: whole in neither place")
        self.expect(not any(self.archive.verify().values()), f"{command}: verify is not clean")
        outside, inside = contents(self.run), archived_contents(self.archive, "run")
        one_place = (outside == self.whole) != (inside == without_own_time(self.whole))
        self.expect(one_place, f"{command}: not in one place after verify")
        self.expect(not debris(self.archive.home, self.run.parent), f"{command}: something lies about")
        moved = bool(inside) == (command == "add")
        state = "in the middle of the move" if on_the_way else "before or after the move"
        return f"{state}, {'finished' if moved else 'undone' if on_the_way else 'not begun'}"

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.broken.append(f"kill {self.kills}: {otherwise}")

    def measure(self, command: str) -> None:
        began = time.monotonic()
        process = self.start(command)
        self.await_journal(process)
        moving = time.monotonic()
        assert process.wait() == 0
        self.seconds[command] = (moving - began, time.monotonic() - moving)

    def start(self, command: str) -> "subprocess.Popen[bytes]":
        words = ["add", str(self.run), "--why", "soak", "--outside"] if command == "add" else ["restore", "run"]
        door = [sys.executable, "-m", "raytrain.archive", "--archive", str(self.archive.home), *words]
        return subprocess.Popen(door, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def await_journal(self, process: "subprocess.Popen[bytes]") -> None:
        while process.poll() is None and not (self.archive.home / ".run.move.json").exists():
            time.sleep(0.0005)


@pytest.mark.soak
def test_200_random_kills_lose_no_byte(project: Path, other_disk: Path) -> None:
    near = make_fit(project / "results" / "run", weights_bytes=WEIGHTS_BYTES)
    far = make_fit(other_disk / "run", weights_bytes=WEIGHTS_BYTES)
    rounds = {
        "one file system": kill_often(near, Archive(project / "first")),
        "two file systems": kill_often(far, Archive(project / "second")),
    }
    write_json(FIGURES, figures(rounds))
    assert [fault for one in rounds.values() for fault in one.broken] == []
    assert [one.kills for one in rounds.values()] == [KILLS_EACH, KILLS_EACH]


def kill_often(run: Path, archive: Archive) -> Round:
    one = Round(run, archive, contents(run))
    one.measure("add")
    one.measure("restore")
    chance = random.Random(0)
    while one.kills < KILLS_EACH:
        one.kill_once(chance)
    return one


def figures(rounds: dict[str, Round]) -> dict[str, Any]:
    """For results/bench: what was killed, where it stood, and on what machine."""
    told = {
        name: {
            "kills": one.kills,
            "ended_before_the_kill": one.ended_before_the_kill,
            "run_bytes": sum(len(kept[-1]) for kept in one.whole.values() if kept[0] == "file"),
            "undisturbed_s": {command: round(sum(parts), 3) for command, parts in one.seconds.items()},
            "found": dict(sorted(one.found.items())),
            "broken": one.broken,
        }
        for name, one in rounds.items()
    }
    return {"rounds": told, "provenance": provenance(["make", "soak"], {"moments": 0})}
