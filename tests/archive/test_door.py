"""python -m raytrain.archive, as a person and as a program call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from dashboards import runs_shown, write_curve
from doors_here import ended_here
from runs import WHY, contents, make_fit

DOOR = [sys.executable, "-m", "raytrain.archive"]


def call(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return ended_here("raytrain.archive", *arguments, cwd=project)


def started(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*DOOR, *arguments], cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture
def run(project: Path) -> Path:
    return make_fit(project / "results" / "run")


def test_add_list_show_verify_and_restore(project: Path, run: Path) -> None:
    before = contents(run)
    added = started(project, "add", "results/run", "--why", WHY, "--name", "medium", "--json")
    assert (added.returncode, json.loads(added.stdout)["name"]) == (0, "medium")
    listed = json.loads(started(project, "list", "--json").stdout)
    assert [(row["name"], row["best_eval_wer"], row["why"]) for row in listed["archived"]] == [("medium", 0.19, WHY)]
    shown = json.loads(call(project, "show", "medium", "--json").stdout)
    assert (shown["manifest"]["kind"], shown["summary"]["effective_batch_size"]) == ("fit", 32)
    verified = call(project, "verify", "--json")
    assert (verified.returncode, json.loads(verified.stdout)) == (0, {"clean": True, "faults": {"medium": []}})
    restored = call(project, "restore", "medium", "--json")
    assert json.loads(restored.stdout) == {"name": "medium", "folder": str(run)}
    assert contents(run) == before


def test_without_json_each_is_told_in_words(project: Path, run: Path) -> None:
    call(project, "add", str(run), "--why", WHY)
    assert "run  fit, medium, 8 × 4  WER 0.1900" in call(project, "list").stdout
    shown = call(project, "show", "run").stdout
    assert "best_eval_wer: 0.19\n" in shown
    assert "step 1500: WER 0.2000\n" in shown
    assert "1 of 1 whole" in call(project, "verify", "run").stderr


def test_verify_names_the_damage_and_exits_1(project: Path, run: Path) -> None:
    call(project, "add", "results/run", "--why", WHY)
    (project / "archive" / "run" / "predictions.jsonl").unlink()
    told = call(project, "verify")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == f"{project}/archive/run: predictions.jsonl: missing\n0 of 1 whole\n"
    assert json.loads(call(project, "verify", "--json").stdout)["faults"] == {"run": ["predictions.jsonl: missing"]}
    assert call(project, "restore", "run").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", "results/typo", "--why", "x"], "no such folder"),
        (["add", "results", "--why", "x"], "not a run"),
        (["add", "/etc", "--why", "x"], "outside"),
        (["add", "results/run"], "--why"),
        (["restore", "typo"], "not in the archive"),
        (["show", "typo"], "not in the archive"),
        (["verify", "typo"], "not in the archive"),
        (["add", "results/run", "--why", "x", "--to", "/mnt"], "not a place on S3"),
        ([], "COMMAND"),
    ],
)
def test_bad_input_is_one_line_and_status_2(project: Path, run: Path, arguments: list[str], told: str) -> None:
    before = contents(run)
    done = call(project, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert told in done.stderr
    assert contents(run) == before


def test_an_interrupt_ends_with_the_command_that_goes_on(project: Path, run: Path) -> None:
    code = (
        "import sys, raytrain.archive.checksums as manifest, raytrain.archive.__main__ as door\n"
        "def interrupt(path): raise KeyboardInterrupt\n"
        "manifest.sha256_of = interrupt\n"
        f"sys.argv = ['archive', 'add', 'results/run', '--why', {WHY!r}]\n"
        "door.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == f"python -m raytrain.archive add results/run --why '{WHY}'"
    assert run.exists()


def test_the_config_of_an_archived_run_is_runnable_again(project: Path, run: Path) -> None:
    call(project, "add", "results/run", "--why", WHY, "--name", "medium-2025")
    done = call(project, "restore", "medium-2025", "--as-baseline", "--json")
    assert json.loads(done.stdout)["baseline"] == str(project / "baselines" / "medium-2025.yaml")
    command = [sys.executable, "-m", "raytrain.fit", "--config", "medium-2025", "--dry-run", "--json"]
    dry = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    assert json.loads(dry.stdout)["derived"]["effective_batch_size"] == 32
    assert call(project, "verify").returncode == 0


def test_one_tensorboard_command_shows_archived_and_current_runs(project: Path) -> None:
    # TensorBoard stops at a file's name that is no UTF-8: make_fit's runs have one.
    for_tensorboard(project / "results" / "small")
    for_tensorboard(project / "results" / "medium")
    call(project, "add", "results/medium", "--why", WHY)
    command = json.loads(call(project, "list", "--json").stdout)["tensorboard"]
    assert runs_shown(command, project) == ["archive/medium/curves", "results/small/curves"]


def for_tensorboard(folder: Path) -> None:
    write_curve(folder / "curves")
    (folder / "fit.json").write_text("{}")


def test_the_door_opens_without_torch() -> None:
    code = (
        "import raytrain.archive, sys; sys.exit(any(name in sys.modules for name in ('torch', 'ray', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
