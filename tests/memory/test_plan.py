"""python -m raytrain.plan, as a person calls it."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from raytrain.config.reader import load_baseline
from raytrain.memory import planning
from raytrain.memory.prediction import UNKNOWN
from raytrain.whisper.variants import VARIANTS


def plan(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "raytrain.plan", *arguments], capture_output=True, text=True)


def planned(*arguments: str) -> dict[str, Any]:
    done = plan("--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def row(result: dict[str, Any], batch_size: int, accumulation: int) -> dict[str, Any]:
    split = (batch_size, accumulation)
    return next(r for r in result["rows"] if (r["batch_size"], r["gradient_accumulation_steps"]) == split)


def test_small_with_checkpointing_fits_eight_gib_at_12_x_3_and_without_it_does_not() -> None:
    with_it = planned("--baseline", "small", "--gpu-memory", "8", "audio.window=full")
    without = planned("--gpu-memory", "8", "audio.window=full", "model.gradient_checkpointing=false")
    assert row(with_it, 12, 3)["fits"] is True
    assert row(without, 12, 3)["fits"] is False
    assert with_it["largest_fitting_batch_size"] > without["largest_fitting_batch_size"]


def test_every_row_lies_in_the_space_and_names_its_parts() -> None:
    result = planned("--gpu-memory", "8")
    first = result["rows"][0]
    assert {8 <= row["effective_batch_size"] <= 96 for row in result["rows"]} == {True}
    assert sum(first["parts"].values()) == pytest.approx(first["predicted_memory_gib"])
    assert first["hours"] is None
    assert "30 s" in result["assumptions"][0]
    assert "64 tokens" in result["assumptions"][0]


def test_what_does_not_fit_is_told_with_what_would_change_it() -> None:
    result = planned("--baseline", "medium", "--gpu-memory", "12")
    changes = {key for change in result["changes"] for key in change["change"]}
    assert result["largest_fitting_batch_size"] is None
    assert changes >= {"audio.max_window_s", "model.freeze_encoder", "model.variant"}
    assert any(change["fits"] for change in result["changes"])
    assert min(change["gain_gib"] for change in result["changes"]) > 0


def test_the_words_say_the_largest_micro_batch_and_the_disk() -> None:
    done = plan("--gpu-memory", "8", "--gpu-tflops", "20", "budget.examples=20000")
    assert done.returncode == 0
    assert "largest micro-batch: 32" in done.stdout or "largest micro-batch: 24" in done.stdout
    assert "GiB a checkpoint" in done.stdout


def test_the_words_have_a_line_for_each_micro_batch_and_fit_a_narrow_terminal() -> None:
    lines = plan("--gpu-memory", "8", "--gpu-tflops", "20").stdout.splitlines()
    table = [line.split() for line in lines if line[:1] == " " and line.strip()[:1].isdigit()]
    assert [line[0] for line in table] == ["1", "2", "3", "4", "6", "8", "8", "9", "9", "12", "12", "16", "16", "18",
                                           "18", "24", "24", "32", "32"]  # fmt: skip
    assert ["8", "2", "to", "12", "16", "to", "96"] in [line[:7] for line in table]
    assert max(map(len, lines[: len(table) + 5])) <= 80


def test_hours_follow_from_the_budget_and_the_speed_given() -> None:
    result = planned("--gpu-memory", "8", "--gpu-tflops", "20", "budget.examples=20000")
    some = row(result, 12, 3)
    assert some["examples"] == 20000
    assert some["hours"] == pytest.approx(20000 / some["train_examples_per_s"] / 3600)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gpu-memory", "-8"], "must be above 0"),
        (["--gpu-memory", "0.5"], "too small for any sample"),
        (["--gpu-memory", "many"], "invalid float"),
        (["--gpu-memory", "8", "training.batch_size=-1"], "training.batch_size"),
        (["--gpu-memory", "8", "scaling.gpu_fraction=1.5"], "gpu_fraction"),
        (["--baseline", "gigantic"], "baselines there are"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_question_is_answered_in_one_line(arguments: list[str], message: str) -> None:
    done = plan(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_large_v3_on_eight_gib_is_answered_with_what_would_fit_in_words_and_in_json() -> None:
    asked = ("--baseline", "large-v3", "--gpu-memory", "8")
    words, result = plan(*asked).stdout, planned(*asked)
    table = [line for line in words.splitlines() if line.startswith(" LoRA 16")]
    assert len(table) == len(result["alternatives"]) >= 3
    assert "model.adapter='{kind: lora, where: decoder}'" in words
    assert "learns at 3e-4 to 1e-3" in words
    row = result["alternatives"][0]
    assert row["predicted_memory_gib"] < 8
    assert row["change"]["model.adapter"] == {"kind": "lora", "where": "decoder"}
    assert row["relative_flops"] < 0.5


def test_the_best_alternative_fits_when_it_is_typed_as_it_is_told() -> None:
    words = plan("--baseline", "large-v3", "--gpu-memory", "8").stdout
    (told,) = [line for line in words.splitlines() if line.startswith("best")]
    again = planned("--baseline", "large-v3", "--gpu-memory", "8", *shlex.split(told)[1:])
    assert again["baseline"]["fits"] is True


def test_the_disk_of_adapters_is_told_in_what_is_kept_of_them() -> None:
    result = planned("--baseline", "large-v3-lora")
    assert 0.1 < result["checkpoint_gib"] < 0.2
    assert "180 MiB a checkpoint" in plan("--baseline", "large-v3-lora").stdout
    assert result["study_weights_gib"] == pytest.approx(result["study_weights"] * 4 * 15.73e6 / 2**30, rel=0.01)


def test_planning_loads_no_torch() -> None:
    code = (
        "import sys; sys.argv = ['plan', '--gpu-memory', '8', '--json']\n"
        "from raytrain.plan import main\n"
        "try: main()\n"
        "finally: print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert set(done.stderr.split()).isdisjoint({"torch", "transformers", "ray", "datasets"})


def test_the_english_only_twin_of_a_size_is_no_smaller_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = replace(VARIANTS["small"].english_only(), name="small.en")
    monkeypatch.setitem(VARIANTS, twin.name, twin)
    gpu = planning.Gpu(card_gib=None)
    (sample,) = planning._smaller_variant(load_baseline("small"), UNKNOWN, gpu)
    assert sample == {"model.variant": "base", "model.pretrained": "openai/whisper-base"}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (("--gpu-memory", "8"), "12 × 3 fits: 6.1 of 8 GiB"),
        (("--gpu-memory", "6"), "12 × 3 does not fit: 6.1 of 6 GiB; the largest micro-batch that does is 12"),
        ((), "12 × 3 takes 6.1 GiB; --gpu-memory GIB says whether that fits"),
    ],
)
def test_a_plan_begins_with_the_answer_and_marks_the_baseline_s_own_row(asked: tuple[str, ...], answer: str) -> None:
    first, *table = plan("--baseline", "small", *asked).stdout.splitlines()
    assert first == answer
    (own,) = (line for line in table if line.rstrip().endswith("baseline"))
    assert own.split()[0] == "12"


def test_a_plan_ends_with_the_command_of_the_study_that_was_planned() -> None:
    asked = ("--baseline", "tiny", "--space", "smoke", "--gpu-memory", "8", "--budget", "2h", "training.num_epochs=3")
    last = plan(*asked).stdout.splitlines()[-1]
    assert last.startswith("next       python -m raytrain.tune ")
    _, *command = shlex.split(last)
    done = subprocess.run([sys.executable, *command[1:], "--dry-run", "--json"], capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert told["config"]["scaling"]["gpu_memory_gib"] == 8.0
    assert told["config"]["training"]["num_epochs"] == 3
    assert (told["space"]["search"]["budget_hours"], told["space"]["search"]["trials"]) == (2.0, 4)
    assert "next " not in plan("--baseline", "large-v3", "--gpu-memory", "8").stdout
