"""The doors as a person meets them: processes that are started, stopped and killed."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from doors_here import ended_here
from recordings import row, tone, write_manifest
from safetensors.torch import load_file
from studies import made_study

import raytrain
from raytrain.__main__ import DOORS
from raytrain.config.reader import load_baseline
from raytrain.results.description import Description
from raytrain.speech.corpus import prepare

SHORT = (
    "training.batch_size=4", "training.precision=fp32", "evaluation.max_utterances=2", "tracking.tensorboard=false",
    "scaling.use_gpu=false",
)  # fmt: skip


class Ended(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.err.strip().splitlines()[-1]


class Door:
    """One process of a door, in a group of its own as under a terminal."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdout=subprocess.PIPE, stderr=err, text=True, start_new_session=True,
            )  # fmt: skip

    def until(self, words: str) -> None:
        """Wait until it has said this."""
        deadline = time.monotonic() + 240
        while words not in self._log.read_text():
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, f"never said {words!r}:\n{self._log.read_text()}"
            time.sleep(0.1)

    def end(self, *, limit_s: float = 300) -> Ended:
        out, _ = self.process.communicate(timeout=limit_s)
        return Ended(self.process.returncode, out, self._log.read_text())


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Callable[..., Door]]:
    started: list[Door] = []

    def start(*arguments: str) -> Door:
        started.append(Door(tmp_path / f"door-{len(started)}.log", *arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["raytrain.fit", "training.lerning_rate=1"], "did you mean 'learning_rate'"),
        (["raytrain.fit", "--config", "smol"], "did you mean 'small'"),
        (["raytrain.fit", "--confg", "small"], "unrecognized arguments: --confg"),
        (["raytrain.fit", "--resume", "/no/such/fit"], "there is no such folder"),
        (["raytrain.tune", "--trials", "none"], "argument --trials: invalid int value: 'none'"),
        (["raytrain.tune", "--trials", "0"], "at least 1"),
        (["raytrain.tune", "--space", "batchin"], "did you mean 'batching'"),
        (["raytrain.tune", "--demo", "--space", "full"], "leave one of the two out"),
        (["raytrain.tune", "--resume", "no-such-study"], "no such study"),
    ],
)
def test_bad_input_is_told_in_one_line_with_status_2_and_soon(
    door: Callable[..., Door], arguments: list[str], told: str
) -> None:
    ended = door(*arguments).end(limit_s=20)
    assert ended.status == 2
    assert told in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_a_dry_run_of_tune_shows_small_12_times_3(door: Callable[..., Door]) -> None:
    ended = door("raytrain.tune", "--dry-run", "--json").end(limit_s=20)
    shown = json.loads(ended.out)
    assert ended.status == 0
    assert shown["config"]["model"]["variant"] == "small"
    assert shown["config"]["training"]["batch_size"] == 12
    assert shown["config"]["training"]["gradient_accumulation_steps"] == 3
    assert shown["derived"]["effective_batch_size"] == 36


def test_a_dry_run_of_fit_prints_a_file_that_fit_reads(door: Callable[..., Door], tmp_path: Path) -> None:
    first = door("raytrain.fit", "--config", "medium", "--dry-run", "--full").end(limit_s=20).out
    (tmp_path / "again.yaml").write_text(first, encoding="utf-8")
    assert (
        door("raytrain.fit", "--config", str(tmp_path / "again.yaml"), "--dry-run", "--full").end(limit_s=20).out
        == first
    )


def test_a_dry_run_of_a_fit_to_resume_shows_it_and_trains_nothing(door: Callable[..., Door], tmp_path: Path) -> None:
    Description(baseline_name="tiny", baseline=load_baseline("tiny", ["training.seed=7"])).write(tmp_path)
    ended = door("raytrain.fit", "--resume", str(tmp_path), "--dry-run", "--json").end(limit_s=20)
    assert (ended.status, json.loads(ended.out)["config"]["training"]["seed"]) == (0, 7)
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["fit.json"]
    assert not (tmp_path / "study.lock").exists()


@pytest.mark.parametrize("asked", [("raytrain.fit", "--config", "tiny"), ("raytrain.tune", "--baseline", "tiny")])
def test_a_dry_run_begins_with_what_will_happen_on_what_data_how_long_and_what_it_takes(asked: tuple[str, ...]) -> None:
    done = ended_here(*asked, "training.max_steps=100", "--dry-run")
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert [name for name, _ in lines] == ["does", "data", "time", "memory", "disk", "more"]
    told = dict(lines)
    assert told["does"].startswith("trains whisper-tiny from openai/whisper-tiny.en, batch 8 × 1 = 8")
    assert "about 300 clips" in told["time"]  # two epochs of three quarters of the demo's 200
    assert " GiB" in told["memory"]
    assert " GiB" in told["disk"]


def test_a_dry_run_counts_the_lines_of_a_manifest_and_names_one_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "my.jsonl").write_text("{}\n" * 40)
    there = ended_here("raytrain.fit", "data.train_manifest=my.jsonl", "--dry-run", cwd=tmp_path).stdout
    assert "data       my.jsonl (40 lines); scored on 10 % of the children, who do not train" in there
    missing = ended_here("raytrain.fit", "data.train_manifest=our.jsonl", "--dry-run", cwd=tmp_path).stdout
    assert "our.jsonl (there is no such file yet; my.jsonl is)" in missing
    folder = ended_here("raytrain.fit", f"data.train_manifest={tmp_path}", "--dry-run").stdout
    assert "(a folder, no manifest)" in folder


def test_a_dry_run_on_ones_own_clips_says_who_is_scored_and_what_that_cannot_tell(tmp_path: Path) -> None:
    lines = [
        {"utterance_id": f"u{n}", "child_id": f"c{n % 5}", "audio_path": f"{n}.wav", "orthographic_text": "yes"}
        for n in range(40)
    ]
    (tmp_path / "my.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    told = ended_here("raytrain.fit", "data.train_manifest=my.jsonl", "--dry-run", cwd=tmp_path).stdout
    assert "data       my.jsonl (40 lines); trains 32 clips of 4 children; scores 8 clips of 1 child" in told
    assert "about 320 clips" in told  # ten epochs of four fifths, not of nine tenths
    assert "note       with 1 validation child no verdict is possible" in told


def test_a_dry_run_predicts_for_the_clips_that_were_prepared(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, [row(tmp_path, f"{n}", tone(2.0), child_id=f"c{n}") for n in range(4)])
    asked = ("raytrain.fit", f"data.train_manifest={manifest}", "--dry-run")
    before = ended_here(*asked, RAYTRAIN_CACHE=str(tmp_path / "cache")).stdout
    prepare(manifest, cache=tmp_path / "cache")
    after = ended_here(*asked, RAYTRAIN_CACHE=str(tmp_path / "cache")).stdout
    assert "6.1 GiB of a GPU for the baseline, predicted for clips of 30 s" in before
    assert re.search(r"5\.\d GiB of a GPU for the baseline, predicted for clips of 2 s", after)


def test_a_dry_run_of_a_study_says_what_the_largest_draw_takes_and_counts_finalists_and_what_has_ended(
    tmp_path: Path,
) -> None:
    begun = ended_here("raytrain.tune", "--trials", "4", "training.max_steps=10", "--dry-run").stdout
    assert "6.1 GiB of a GPU for the baseline, predicted for clips of 30 s; up to 8.7 for what else is drawn" in begun
    assert (
        "about 360 clips a trial, 12 trainings, 8 of them of finalists" in begun
    )  # three and the baseline, twice more
    alone = ended_here("raytrain.tune", "--trials", "1", "training.max_steps=10", "--dry-run").stdout
    assert "1 training;" in alone
    assert "trained again" not in alone
    small = ended_here("raytrain.tune", "--baseline", "medium", "scaling.gpu_memory_gib=8", "--dry-run").stdout
    assert "16.0 GiB do not fit 8" in small
    study = made_study(tmp_path / "study", trials=3)
    assert re.search(r": 3 of \d+ trials ended", ended_here("raytrain.tune", "--resume", study, "--dry-run").stdout)
    on_cpu = ended_here("raytrain.tune", "scaling.use_gpu=false", "--dry-run").stdout
    assert "memory     no GPU" in on_cpu


def test_the_door_of_doors_lists_those_that_open_and_no_other() -> None:
    listed = re.findall(r"^  (\w+) +\S", ended_here("raytrain.__main__").stdout, flags=re.MULTILINE)
    package = Path(raytrain.__file__).parent
    opens = {path.stem for path in package.glob("*.py") if "run_door(" in path.read_text() and path.stem != "cli"}
    assert set(listed) == (opens - {"__main__"}) | {path.parent.name for path in package.glob("*/__main__.py")}


@pytest.mark.parametrize("name", DOORS)
def test_every_door_s_help_ends_with_an_example_that_it_takes(name: str) -> None:
    helped = ended_here(f"raytrain.{name}", "--help")
    assert helped.returncode == 0
    example = helped.stdout.partition("example:\n")[2].splitlines()[0].strip()
    assert example.startswith(f"python -m raytrain.{name} ")
    taken = ended_here(f"raytrain.{name}", *shlex.split(example)[3:], "--no-such-option")
    assert f"unrecognized arguments: --no-such-option; python -m raytrain.{name}" in taken.stderr


@pytest.mark.parametrize("door_name", ["raytrain.__main__", "raytrain.tune", "raytrain.archive"])
def test_every_door_names_the_versions_that_a_report_of_a_fault_needs(door_name: str) -> None:
    told = ended_here(door_name, "--version").stdout
    for name in ("raytrain", "python", "torch", "transformers", "ray", "optuna", "wandb"):
        assert re.search(rf"^{name} +\d", told, flags=re.MULTILINE)


def test_a_fault_of_ours_ends_with_what_to_report() -> None:
    script = "from raytrain.cli import run_door\ndef broken(): raise ZeroDivisionError('seven')\nrun_door(broken)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    *before, last = done.stderr.splitlines()
    assert before[-1] == "ZeroDivisionError: seven"
    assert "python -m raytrain --version" in last


def test_a_shell_that_asks_is_told_the_options(tmp_path: Path) -> None:
    line = "python -m raytrain.tune --learn"
    asked = {
        "_ARGCOMPLETE": "3",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_STDOUT_FILENAME": "out",
    }
    command = [sys.executable, "-m", "raytrain.tune"]
    subprocess.run(command, env=os.environ | asked, cwd=tmp_path, check=False, timeout=30)
    assert (tmp_path / "out").read_text().strip() == "--learn-from"


@pytest.mark.parametrize("module", ["raytrain.fit", "raytrain.tune"])
def test_a_dry_run_imports_nothing_that_takes_long(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = {"torch", "ray", "optuna", "wandb", "pyarrow", "numpy"}
    script = (
        f"import sys, runpy; sys.argv = ['door', '--dry-run']\n"
        f"try: runpy.run_module('{module}', run_name='__main__')\n"
        f"except SystemExit as end: print(end.code, sorted({slow} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_the_sampler_s_small_matrices_are_computed_by_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    script = (
        "import sys, runpy; sys.argv = ['door', '--dry-run', 'data.train_manifest=no.jsonl']\n"
        "try: runpy.run_module('raytrain.tune', run_name='__main__')\n"
        "except SystemExit: import numpy, os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "1"


def rows(study: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (study / "trials.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.cluster
def test_a_study_survives_ctrl_c_and_a_kill_with_nothing_lost_or_done_twice(
    door: Callable[..., Door], tiny_en: Path, tmp_path: Path
) -> None:
    asked = (
        *SHORT, f"model.pretrained={tiny_en}", f"storage={tmp_path}", "tracking.wandb=offline",
        "scheduler.first_rung_examples=8", "scheduler.name=none", "budget.examples=24",
        "vary={training.learning_rate: {values: [1e-5, 2e-5, 4e-5]}}",
    )  # fmt: skip
    first = door("raytrain.tune", "--baseline", "tiny", "--space", "smoke", "--trials", "2", *asked)
    first.until("trial 0: 8 examples")
    os.killpg(first.process.pid, signal.SIGINT)
    stopped = first.end()
    (study,) = tmp_path.glob("*_tiny_smoke")
    assert stopped.status == 130
    assert stopped.last_line == f"python -m raytrain.tune --resume {study}"
    assert not (study / "trials.jsonl").exists()

    second = door(*stopped.last_line.split()[2:])
    second.until(f"study      {study}")  # from here on it keeps the study
    refused = door("raytrain.tune", "--resume", str(study)).end()
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)
    assert "in use by process" in refused.err
    second.until("trial 1: 8 examples")
    os.kill(second.process.pid, signal.SIGKILL)  # the driver alone: nothing tells its cluster
    second.end()
    assert [row["number"] for row in rows(study)] == [0]
    before = (study / "trials.jsonl").read_bytes()

    done = door("raytrain.tune", "--resume", str(study), "--json").end()
    assert done.status == 0
    assert (study / "trials.jsonl").read_bytes().startswith(before)
    told = rows(study)
    assert [row["number"] for row in told] == [0, 1]
    assert [row["outcome"] for row in told] == ["completed"] * 2
    # The history of before the stop is in the record: step 0 and the first rung were scored by the first process.
    assert [row["examples_seen"] for row in told[0]["history"]] == [0, 8, 24]
    assert told[1]["history"][0]["examples_seen"] >= 8
    assert "trial 0" not in done.err
    assert "trial 1: 8 examples" not in done.err  # it went on from its checkpoint

    shown = json.loads(done.out)
    assert [trial["number"] for trial in shown["trials"]] == [0, 1]
    assert (study / "best.yaml").is_file()
    assert (study / "report.md").is_file()
    best = door("raytrain.fit", "--config", str(study / "best.yaml"), "--dry-run", "--json").end(limit_s=20)
    assert json.loads(best.out)["config"] == shown["best"]["config"]


@pytest.mark.soak
def test_a_fit_that_was_killed_ends_with_the_weights_of_one_that_was_not(
    door: Callable[..., Door], tiny_en: Path, tmp_path: Path
) -> None:
    asked = (
        "--config", "tiny", *SHORT, f"model.pretrained={tiny_en}", "tracking.wandb=disabled", "training.max_steps=4",
        "training.checkpoint_every_steps=2",
    )  # fmt: skip
    killed = door("raytrain.fit", *asked, f"storage={tmp_path / 'killed'}")
    killed.until("step 2/4: WER")
    time.sleep(1)  # for the checkpoint of step 2 to be written, or not: both must do
    os.killpg(killed.process.pid, signal.SIGKILL)
    killed.end()
    (folder,) = (tmp_path / "killed").iterdir()

    resumed = door("raytrain.fit", "--resume", str(folder), "--json").end()
    assert resumed.status == 0
    straight = door("raytrain.fit", *asked, f"storage={tmp_path / 'straight'}", "--json").end()
    ours, theirs = json.loads(resumed.out), json.loads(straight.out)
    assert [row["step"] for row in ours["result"]["history"]] == [0, 2, 4]
    assert ours["result"]["eval_wer"] == theirs["result"]["eval_wer"]
    weights = [
        load_file(Path(one["folder"]) / one["result"]["checkpoint"] / "model.safetensors") for one in (ours, theirs)
    ]
    assert all(bool((weights[0][name] == weights[1][name]).all()) for name in weights[1])

    again = door("raytrain.fit", "--resume", str(folder)).end(limit_s=30)
    assert again.status == 0
    assert "nothing is left to do" in again.err
