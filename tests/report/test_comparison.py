"""Runs of several makers side by side, through the door as a person calls it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from making import config, utterances
from studies import made_study

from raytrain.errors import InputError
from raytrain.report.answers import answers
from raytrain.report.comparison import ComparedRun, caveats, comparisons, read_run, rows
from raytrain.report.pages import comparison_pages
from raytrain.results.description import Description
from raytrain.results.study_results import load_study


def made_fit(folder: Path, *, wer: float, children: int = 24) -> Path:
    """A fit's folder with its description and utterances."""
    history = [{"step": step, "examples_seen": 36 * step, "eval_wer": wer} for step in (0, 100)]
    result = {"outcome": "completed", "eval_wer": wer, "step": 100, "history": history, "peak_memory_resident_gib": 3.5}
    folder.mkdir(parents=True)
    Description(baseline_name="small", baseline=config(), data={"synthetic": True}, result=result).write(folder)
    utterances(folder, 1, wer=wer, children=children)
    shutil.move(folder / "trials" / "1" / "utterances.jsonl", folder / "utterances.jsonl")
    return folder


def made_trainer_run(folder: Path) -> Path:
    """What a transformers Trainer leaves, as an archived medium run has it."""
    folder.mkdir(parents=True)
    log = [{"step": 500, "eval_wer": 15.2}, {"step": 1000, "eval_wer": 13.1}]
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": 1000, "log_history": log}))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[ComparedRun]:
    return [
        read_run(made_study(tmp_path / "study", trials=6)),
        read_run(made_fit(tmp_path / "fit", wer=0.1)),
        read_run(made_trainer_run(tmp_path / "medium")),
    ]


def test_a_study_a_fit_and_a_foreign_run_stand_in_one_table(runs: list[ComparedRun]) -> None:
    table = dict(rows(runs))
    assert table["kind"] == ["study", "fit", "trainer"]
    assert table["WER at the end"][1:] == ["0.100", "0.131"]
    assert table["peak memory, GiB"][1:] == ["3.50 resident", "–"]
    assert table["batch × accumulation = effective"][1:] == ["12 × 3 = 36", "–"]
    assert "archived" not in table


def test_wers_are_set_against_each_other_only_on_the_same_utterances(runs: list[ComparedRun], tmp_path: Path) -> None:
    elsewhere = read_run(made_fit(tmp_path / "elsewhere", wer=0.1, children=5))
    same, foreign = comparisons(runs[:2]), comparisons([runs[0], runs[2]])
    assert "over 24 children, one training each" in same[0]
    assert "cannot be set against each other, without both runs' utterances" in foreign[0]
    assert "scored on different utterances" in comparisons([runs[1], elsewhere])[0]


def test_page_and_text_are_the_same_when_made_twice_and_say_what_to_know_first(runs: list[ComparedRun]) -> None:
    text = comparison_pages(runs)[".md"]
    assert comparison_pages(runs) == comparison_pages(runs)
    assert caveats(runs)[0].startswith("study: The data are synthetic")
    assert text.index("synthetic") < text.index("| kind")


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run"):
        read_run(tmp_path)
    with pytest.raises(InputError, match="there is no such folder"):
        read_run(tmp_path / "nothing")


def report(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "raytrain.report", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=os.environ | {"COLUMNS": "160"})


def test_the_door_makes_a_study_s_report_anew(tmp_path: Path) -> None:
    made_study(tmp_path / "study", trials=4)
    done = report("study", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("The data are synthetic")
    told = answers(load_study(tmp_path / "study"))
    for answer in (told.chain, told.which, told.how_sure, told.costs, told.next.words):
        assert answer in done.stderr
    assert "python -m raytrain.tune --resume study\n" in done.stderr  # as it is typed from here
    assert "0 (baseline" in done.stdout
    assert (tmp_path / "study" / "report.html").exists()


def test_the_door_compares_and_leaves_what_is_archived_as_it_was(tmp_path: Path) -> None:
    made_study(tmp_path / "study", trials=4)
    (made_study(tmp_path / "archived", trials=4) / "MANIFEST.json").write_text("{}")
    done = report("study", "archived", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "one training each" in done.stderr
    assert (tmp_path / "results" / "comparisons" / "study_and_archived.html").exists()
    assert (tmp_path / "study" / "report.html").exists()
    assert not (tmp_path / "archived" / "report.html").exists()


def test_the_door_refuses_what_is_not_there_in_one_line(tmp_path: Path) -> None:
    done = report("nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_the_door_needs_no_torch() -> None:
    code = "import sys, raytrain.report; print(sorted({'torch', 'ray', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
