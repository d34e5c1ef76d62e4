"""A study that cannot go on says so in one line with status 2, and not a byte of it is changed."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from doors_here import ended_here
from ended_trials import record

from raytrain.config.reader import load_baseline, load_space
from raytrain.errors import InputError
from raytrain.results.description import Description, read_description
from raytrain.results.ledger import Ledger
from raytrain.study.history import History
from raytrain.study.opening import changed, find_study

TINY = load_baseline("tiny")
SPACE = load_space("smoke", baseline=TINY)


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """The folder of a study of one trial, the baseline."""
    folder = tmp_path / "2026-01-01_tiny_smoke"
    folder.mkdir()
    space = SPACE.model_copy(update={"search": SPACE.search.model_copy(update={"trials": 1})})
    description = Description(baseline_name="tiny", baseline=TINY, space_name="smoke", space=space)
    description.write(folder)
    kept = History(folder, description)
    kept.start(kept.axes.baseline_sample)
    kept.end(record(0, TINY, eval_wer=0.3))
    return folder


class Refused(NamedTuple):
    status: int
    lines: list[str]
    is_untouched: bool


def resumed(folder: Path, *arguments: str, module: str = "raytrain.tune") -> Refused:
    before = contents(folder)
    asked = ["--resume", str(folder), *arguments] if module == "raytrain.tune" else [str(folder)]
    done = ended_here(module, *asked)
    return Refused(done.returncode, done.stderr.strip().splitlines(), contents(folder) == before)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edited(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """With another study.json."""
    values = json.loads((folder / "study.json").read_text())
    change(values)
    (folder / "study.json").write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--baseline", "base"], "was begun with another baseline ("),
        (["--space", "batching", "--baseline", "tiny"], "was begun with another space (budget.examples"),
        (["--space", "smoke", "--baseline", "tiny", "search.seed=5"], "another space (search.seed)"),
        (["--space", "smoke", "--baseline", "tiny", "search.objective=pareto"], "another space (search.objective)"),
    ],
)
def test_a_finished_study_is_not_gone_on_with_as_another(finished: Path, arguments: list[str], told: str) -> None:
    found = resumed(finished, *arguments)
    assert (found.status, len(found.lines), found.is_untouched) == (2, 1, True)
    assert told in found.lines[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["search.seed=5"], "another space (search.seed)"),
        (["training.seed=5"], "another baseline (training.seed)"),
        (["--space", "smoke", "search.objective=pareto"], "another space (search.objective)"),
        (["serch.trials=5"], "override serch.trials=5: unknown key; did you mean 'search'?"),
    ],
)
def test_overrides_change_the_study_that_is_named_and_no_default(
    finished: Path, arguments: list[str], told: str
) -> None:
    found = resumed(finished, *arguments)
    assert (found.status, len(found.lines), found.is_untouched) == (2, 1, True)
    assert told in found.lines[0]


def test_a_study_goes_on_with_what_may_change(finished: Path) -> None:
    description = changed(finished, read_description(finished), ["search.max_concurrent=3"], trials=7)
    search = description.asked.search
    assert (search.max_concurrent, search.trials, search.seed) == (3, 7, SPACE.search.seed)


def test_a_study_from_before_a_key_was_there_goes_on_with_its_default(finished: Path) -> None:
    def older(values: dict[str, Any]) -> None:
        del values["baseline"]["tracking"]["tensorboard"], values["space"]["search"]["reuse_equivalent"]

    begun = read_description(edited(finished, older))
    assert changed(finished, begun, [], trials=None) == begun
    space = changed(finished, begun, [], trials=9).asked
    assert (space.search.trials, space.search.reuse_equivalent) == (9, True)


def test_fewer_trials_than_have_run_are_refused(finished: Path) -> None:
    Ledger(finished).append(record(1, TINY, eval_wer=0.2))
    begun = changed(finished, read_description(finished), [], trials=3)
    with pytest.raises(InputError, match=r"search\.trials: 1 is fewer than the 2 that have run"):
        changed(finished, begun, [], trials=1)


def test_a_damaged_optuna_db_stands_in_nobodys_way(finished: Path) -> None:
    (finished / "optuna.db").write_bytes(b"not a database at all" * 100)
    found, _ = find_study(str(finished))
    assert found == finished


@pytest.mark.parametrize("module", ["raytrain.tune", "raytrain.report"])
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{half a li", "trials.jsonl:2: not JSON"),
        ("[1, 2]", "trials.jsonl:2: not a JSON object"),
        ('{"trial_id": "trial-0001", "mood": "good"}', "trials.jsonl:2: unknown fields mood: written by a newer"),
    ],
)
def test_an_unreadable_line_of_the_ledger_is_named(finished: Path, module: str, line: str, told: str) -> None:
    with (finished / "trials.jsonl").open("a") as ledger:
        ledger.write(f"{line}\n")
    found = resumed(finished, module=module)
    assert (found.status, len(found.lines), found.is_untouched) == (2, 1, True)
    assert told in found.lines[0]


@pytest.mark.parametrize("module", ["raytrain.tune", "raytrain.report"])
def test_a_study_of_a_newer_version_is_left_to_the_newer_raytrain(finished: Path, module: str) -> None:
    found = resumed(edited(finished, lambda values: values.update(version=99)), module=module)
    assert (found.status, len(found.lines), found.is_untouched) == (2, 1, True)
    assert "study.json: version 99, this raytrain knows 2; use the newer raytrain" in found.lines[0]


def test_a_study_with_a_key_that_nobody_knows_is_refused_by_its_name(finished: Path) -> None:
    found = resumed(edited(finished, lambda values: values["space"]["search"].update(mood="good")))
    assert (found.status, len(found.lines), found.is_untouched) == (2, 1, True)
    assert "study.json: search.mood: " in found.lines[0]


def test_a_space_whose_every_sample_is_infeasible_makes_no_study(tmp_path: Path) -> None:
    asked = ["--baseline", "tiny", "keep.effective_batch_size={low: 8, high: 8}", f"storage={tmp_path}"]
    none = "vary={training.batch_size: {values: [5, 7]}, training.gradient_accumulation_steps: {values: [3]}}"
    done = subprocess.run(
        [sys.executable, "-m", "raytrain.tune", *asked, none], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, len(done.stderr.strip().splitlines()), list(tmp_path.iterdir())) == (2, 1, [])
    assert "no sample lies within 8 to 8" in done.stderr
