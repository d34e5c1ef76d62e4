"""The live view of a study: what it says at some moments of one, and that it fits its terminal."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from histories import description
from rich.console import Console
from running_studies import BEGAN_S, ended, machine, running, studied

from raytrain.results.records import Outcome, Row
from raytrain.study.spending import Spending, Told
from raytrain.study.study import Study
from raytrain.terminal import make_streams_bear_every_letter, say
from raytrain.watch.live import live_view, view
from raytrain.watch.study_progress import StudyProgress


class Terminal(io.StringIO):
    """Keeps what is written to it."""

    def isatty(self) -> bool:
        return True


def drawn(study: StudyProgress, *, width: int = 160, now_s: float = BEGAN_S + 60) -> str:
    """The view as a terminal of this width shows it, without colours."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width, _environ={})
    console.print(view(study, now_s=now_s, width=width))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [40, 60, 120])
def test_a_terminal_that_is_ascii_has_the_view_in_its_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stderr", stream)
    make_streams_bear_every_letter()
    console = Console(file=stream, force_terminal=True, color_system=None, width=width, _environ={})
    study = studied(ended(0), ended(1, eval_wer=0.153), running(2))
    study.machine = machine(1.0)
    console.print(view(study, now_s=BEGAN_S + 60, width=width))
    stream.flush()
    shown = stream.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "-0.047 against" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= width


def line(shown: str, name: str) -> str:
    (found,) = [one.strip() for one in shown.splitlines() if one.startswith(name)]
    return found


def test_trials_stand_by_state() -> None:
    study = studied(ended(0), ended(1, outcome=Outcome.OUT_OF_MEMORY), running(2), running(3, probes="trial-0000"))
    study.waits(4)
    told = "1 completed · 1 out of memory · 1 running · 1 probing · trial 4 waits for room · 6 to come"
    assert line(drawn(study), "trials").removeprefix("trials").strip() == told


def test_repeats_of_finalists_stand_apart_from_trials() -> None:
    again = [ended(number, finalist_of="trial-0000") for number in (1, 2)]
    told = "1 completed · 2 repeats of finalists · 0 running · 9 to come · up to 6 repeats"
    assert line(drawn(studied(ended(0), *again, repeats=8)), "trials").removeprefix("trials").strip() == told


def test_the_best_stands_against_the_baseline() -> None:
    study = studied(ended(0), ended(1, eval_wer=0.153))
    told = "0.153 (−0.047 against the baseline's 0.200) by trial 1: batch 12 × 3, lr 1e-5"
    assert line(drawn(study), "WER").removeprefix("WER").strip() == told


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([], "no trial is completed yet"),
        ([ended(0)], "0.200, the baseline's; none is better yet"),
        ([ended(0, outcome=Outcome.DIVERGED, eval_wer=None)], "no trial is completed yet; the baseline: diverged"),
        ([ended(1)], "0.200 (the baseline's is not known) by trial 1: batch 12 × 3, lr 1e-5"),
    ],
)
def test_where_there_is_no_comparison_it_says_so(told: list[Any], said: str) -> None:
    assert line(drawn(studied(*told)), "WER").removeprefix("WER").strip() == said


def test_memory_stands_against_limit_and_card() -> None:
    study = studied(ended(0, peak_memory_reserved_gib=6.912), machine=machine(0.0, 0.0), memory_limit_gib=8.0)
    assert "peak 6.91 GiB reserved; limit 8 GiB; a card has 24.0 GiB" in line(drawn(study), "memory")


def test_each_card_shows_the_share_that_is_taken() -> None:
    assert line(drawn(studied(machine=machine(0.75, 0.25))), "GPUs").endswith("0 ██████░░ 75 %   1 ██░░░░░░ 25 %")


def test_without_a_card_it_says_what_trains() -> None:
    study = studied(running(0), ended(1, peak_memory_resident_gib=2.0), machine=machine())
    assert line(drawn(study), "device").endswith("16 CPU cores, no GPU")
    assert "peak 2.00 GiB resident" in line(drawn(study), "memory")


def test_the_time_left_is_an_estimate_or_unknown() -> None:
    assert "60 s so far, time left known once a trial has trained" in line(drawn(studied(running(0))), "time")
    assert "60 s so far, about 16 min left" in line(drawn(studied(running(0, examples_seen=600))), "time")


def test_a_stop_that_was_asked_for_is_said() -> None:
    study = studied(running(0), machine=machine(0.5, stops=True))
    assert "stopping" in line(drawn(study), "time")


def test_a_running_trial_shows_how_far_it_is_and_its_last_wer() -> None:
    shown = drawn(studied(running(3, examples_seen=480, phase="training", row=Row(eval_wer=0.1812))))
    assert "480/1000 clips  WER 0.181" in line(shown, "trial 3")


def test_bars_tell_without_colours_what_a_trial_does() -> None:
    phases = ("starting", "loading", "training", "scoring")
    trials = [running(number, examples_seen=500, phase=phase) for number, phase in enumerate(phases)]
    shown = drawn(studied(*trials), width=100)
    assert [line(shown, f"trial {number}").split()[8] for number in range(4)] == [
        "-" * 10, "-" * 10, "█████░░░░░", "▒▒▒▒▒░░░░░",
    ]  # fmt: skip


def test_where_trials_are_tracked_stands_whole_or_is_said_to_stand_above() -> None:
    page = "W&B online: https://wandb.example/somebody/raytrain/groups/a-study"
    assert line(drawn(studied(running(0), tracked=page), width=80), "tracked").endswith(page)
    narrow = line(drawn(studied(running(0), tracked=page), width=60), "tracked")
    assert narrow.removeprefix("tracked").strip() == "W&B online, as said above"
    assert "tracked" not in drawn(studied(running(0)))


@pytest.mark.parametrize("text", ["/a/long/path" * 12, "python -m raytrain.tune --resume " + "a b " * 40])
def test_what_is_said_above_the_view_is_broken_by_nobody(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is written to the terminal, which copies whole what it has broken itself."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", "60")
    with live_view(studied(running(0), memory_limit_gib=8.0, tracked="W&B offline: results/a-study/wandb")):
        say(text)
    assert f"{text}\n" in stream.getvalue()


def test_the_view_keeps_to_its_width_on_a_console_that_breaks_no_lines() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=40, soft_wrap=True, color_system=None, _environ={})
    console.print(view(studied(ended(0), ended(1, eval_wer=0.153)), now_s=BEGAN_S + 60, width=40))
    assert "against the" in stream.getvalue()
    assert max(map(len, stream.getvalue().splitlines())) <= 40


@pytest.mark.parametrize("width", [60, 80, 160])
def test_nothing_is_wider_than_the_terminal_and_no_trial_takes_two_lines(width: int) -> None:
    trials = [running(number, examples_seen=480, phase="training", row=Row(eval_wer=0.1812)) for number in range(4)]
    shown = drawn(studied(*trials, machine=machine(1.0, 1.0), memory_limit_gib=8.0), width=width)
    assert max(map(len, shown.splitlines())) <= width
    assert sum(one.startswith("trial ") for one in shown.splitlines()) == 4


def test_many_trials_are_cut_short() -> None:
    assert "and 4 more" in drawn(studied(*(running(number) for number in range(16))))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Told(budget_s=28_800.0), "1 h of 8 h for 0.80 spent, what it buys is known once a trial has run"),
        (
            Told(budget_s=28_800.0, set_aside_s=5400.0, trials=12),
            "1 h of 8 h for 0.80 spent, 90 min set aside for finalists, buys about 12 more trials",
        ),
    ],
)
def test_a_budget_stands_with_what_is_spent_of_it_and_what_it_still_buys(told: Told, said: str, tmp_path: Path) -> None:
    study, search = studied(running(0)), {"budget_hours": 8.0, "price_per_hour": 0.8}
    asked = Study(folder=tmp_path, description=description(**search), inputs=None)  # type: ignore[arg-type]
    (tmp_path / "clock.jsonl").write_text('{"start": 1, "at": "2026-01-01T00:00:00+00:00", "ran_s": 3600.0}\n')
    spending = Spending(asked)
    spending.told = told
    study.machine = replace(machine(), spending=spending)
    assert line(drawn(study), "budget").removeprefix("budget").strip() == said
