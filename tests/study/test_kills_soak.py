"""20 processes of real studies killed at random, each study resumed until it is done. `make soak` runs it.

It goes on where it was stopped: results/bench/soak-kills.json holds the studies that were finished.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from processes import command_line, descendants, kill_all

from raytrain.files import write_json

FIGURES = Path(__file__).parents[2] / "results" / "bench" / "soak-kills.json"
KILLS = 20
KILLS_A_STUDY = 4
TRIALS = 3
VICTIMS = {
    "driver": "raytrain.tune",
    "trial driver": "ray::ImplicitFunc",
    "worker": "ray::RayTrainWorker",
    "raylet": "raylet/raylet",
}
LIMIT_S = 900


def pick(root: int, victim: str) -> int | None:
    matching = [pid for pid in descendants(root) if VICTIMS[victim] in command_line(pid)]
    return matching[0] if matching else None


def run_to_its_end(process: subprocess.Popen[bytes], *, chance: random.Random, kills: list[dict[str, Any]]) -> int:
    """Wait for a study's process; while kills are left, kill one of its processes at random moments."""
    while len(kills) < KILLS_A_STUDY:
        victim, after_s = chance.choice(list(VICTIMS)), chance.uniform(5, 60)
        try:
            return process.wait(timeout=after_s)
        except subprocess.TimeoutExpired:
            pid = pick(process.pid, victim)
        if pid is not None:  # none is there between two trials
            os.kill(pid, signal.SIGKILL)
            kills.append({"victim": victim, "after_s": round(after_s, 1)})
    return process.wait(timeout=LIMIT_S)


def small_study(folder: Path, tiny_en: Path, *, seed: int) -> list[str]:
    """Arguments of raytrain.tune."""
    return [
        "--baseline", "tiny", "--space", "smoke", "--trials", str(TRIALS), f"search.seed={seed}",
        f"model.pretrained={tiny_en}", f"storage={folder}", "scheduler.first_rung_examples=12",
        "scheduler.name=none", "budget.examples=36", "evaluation.max_utterances=4", "tracking.wandb=offline",
    ]  # fmt: skip


def one_study(folder: Path, tiny_en: Path, *, seed: int) -> dict[str, Any]:
    """A study that is killed, resumed, killed, ..., and what its ledger holds in the end."""
    chance = random.Random(seed)
    kills: list[dict[str, Any]] = []
    asked = small_study(folder, tiny_en, seed=seed)
    starts, status = 0, -1
    while status != 0:
        studies = list(folder.glob("*_tiny_smoke*")) if folder.exists() else []
        begun = [study for study in studies if (study / "study.json").exists()]
        arguments = ["--resume", str(begun[0])] if begun else asked
        with (folder.parent / f"{folder.name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "raytrain.tune", *arguments], stdout=log, stderr=log, start_new_session=True
            )
        starts += 1
        status = run_to_its_end(process, chance=chance, kills=kills)
        assert starts <= KILLS_A_STUDY + 2, (folder.parent / f"{folder.name}.log").read_text()
    (study,) = [path for path in folder.glob("*_tiny_smoke*") if (path / "trials.jsonl").exists()]
    rows = [json.loads(line) for line in (study / "trials.jsonl").read_text(encoding="utf-8").splitlines()]
    numbers = [row["number"] for row in rows]
    return {
        "seed": seed,
        "kills": kills,
        "starts": starts,
        "lost": TRIALS - len(set(numbers)),
        "repeated": len(numbers) - len(set(numbers)),
        "outcomes": [row["outcome"] for row in rows],
        "histories": [[point["examples_seen"] for point in row["history"]] for row in rows],
    }


@pytest.mark.soak
def test_20_kills_at_random_moments_lose_and_repeat_no_trial(tiny_en: Path, tmp_path: Path) -> None:
    done: list[dict[str, Any]] = json.loads(FIGURES.read_text())["studies"] if FIGURES.exists() else []
    while sum(len(study["kills"]) for study in done) < KILLS:
        started = time.monotonic()
        study = one_study(tmp_path / f"study-{len(done)}", tiny_en, seed=len(done))
        done.append({**study, "seconds": round(time.monotonic() - started)})
        write_json(FIGURES, {"studies": done})
    assert {study["lost"] for study in done} == {0}
    assert {study["repeated"] for study in done} == {0}
    assert {outcome for study in done for outcome in study["outcomes"]} == {"completed"}


@contextmanager
def running_study(folder: Path, tiny_en: Path) -> Iterator[subprocess.Popen[str]]:
    """Killed with all its processes where it has not ended."""
    command = [sys.executable, "-m", "raytrain.tune", *small_study(folder, tiny_en, seed=0)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as study:
        try:
            yield study
        finally:
            if study.poll() is None:
                kill_all(study.pid)


@pytest.mark.soak
def test_where_ray_dies_between_two_trials_the_study_ends_and_says_how_to_go_on(tiny_en: Path, tmp_path: Path) -> None:
    """Nothing runs then that could fail, and whoever waits for the next trial to start would wait for ever."""
    with running_study(tmp_path / "results", tiny_en) as study:
        said = iter(study.stderr or [])
        next(line for line in said if line.startswith("trial 0: 8"))
        time.sleep(1)
        raylet = pick(study.pid, "raylet")
        assert raylet is not None
        os.kill(raylet, signal.SIGKILL)
        _, last = study.communicate(timeout=LIMIT_S)
    assert study.returncode == 1
    last_lines = [line for line in last.splitlines() if line.strip()][-2:]
    assert "Ray has died on this machine; to go on:" in last_lines[0]
    assert last_lines[1].startswith("python -m raytrain.tune --resume ")


@pytest.mark.soak
def test_a_trial_whose_driver_is_killed_as_its_workers_start_goes_on(tiny_en: Path, tmp_path: Path) -> None:
    """Ray leaves the room taken that was reserved for them, and the trial's next start would wait for it for ever."""
    with running_study(tmp_path / "results", tiny_en) as study:
        while pick(study.pid, "worker") is None:  # there only from when its room is reserved
            assert study.poll() is None
            time.sleep(0.02)
        trial_driver = pick(study.pid, "trial driver")
        assert trial_driver is not None
        os.kill(trial_driver, signal.SIGKILL)
        _, said = study.communicate(timeout=LIMIT_S)
    assert study.returncode == 0, said
    (ledger,) = (tmp_path / "results").glob("*/trials.jsonl")
    assert [json.loads(line)["outcome"] for line in ledger.read_text().splitlines()] == ["completed"] * TRIALS
