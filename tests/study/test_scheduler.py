"""ASHA on examples seen: worse trials stop at a rung, the baseline never; a study that goes on knows its rungs."""

from types import SimpleNamespace
from typing import Any

import pytest
from asked_trials import asked
from ray.tune.schedulers import FIFOScheduler

from raytrain.config.reader import load_baseline
from raytrain.config.space import Scheduler
from raytrain.study.scheduler import RungScheduler, make_scheduler

TINY = load_baseline("tiny")
RUNGS = Scheduler(first_rung_examples=100, reduction=3)


def told(scheduler: RungScheduler, number: int, **result: Any) -> str:
    trial = SimpleNamespace(trial_id=f"tune-{number}", config={"trial": asked(number, TINY)})
    scheduler.on_trial_add(None, trial)
    return scheduler.on_trial_result(None, trial, result)


def test_a_trial_worse_than_the_best_so_far_is_stopped_at_the_rung() -> None:
    scheduler = RungScheduler(RUNGS, {})
    assert told(scheduler, 0, examples_seen=100, objective=0.2) == "CONTINUE"
    assert told(scheduler, 1, examples_seen=96, objective=0.9) == "CONTINUE"  # not there yet
    assert told(scheduler, 2, examples_seen=104, objective=0.9) == "STOP"
    assert told(scheduler, 3, examples_seen=100, objective=0.1) == "CONTINUE"


def test_the_baseline_is_never_stopped() -> None:
    scheduler = RungScheduler(RUNGS, {})
    told(scheduler, 1, examples_seen=100, objective=0.1)
    assert told(scheduler, 0, examples_seen=100, objective=0.9) == "CONTINUE"


def test_a_study_that_goes_on_compares_with_its_earlier_trials() -> None:
    scheduler = make_scheduler(RUNGS, {(0, 100): 0.2, (0, 300): 0.15, (1, 100): 0.5})
    assert isinstance(scheduler, RungScheduler)
    assert told(scheduler, 2, examples_seen=100, objective=0.4) == "STOP"
    assert told(scheduler, 3, examples_seen=300, objective=0.1) == "CONTINUE"


def test_a_trial_that_was_told_to_stop_before_a_kill_is_told_so_again() -> None:
    before = RungScheduler(RUNGS, {})
    reports = {(0, 100): 0.2, (1, 100): 0.1, (2, 100): 0.15, (0, 300): 0.12}
    for (number, seen), objective in reports.items():
        told(before, number, examples_seen=seen, objective=objective)
    again = RungScheduler(RUNGS, reports)  # 2 was worse than 1 and better than 0
    assert told(again, 2, examples_seen=100, objective=0.15) == "STOP"
    assert told(again, 1, examples_seen=100, objective=0.1) == "CONTINUE"
    assert again._brackets[0].debug_str() == before._brackets[0].debug_str()
    assert told(again, 2, examples_seen=300, objective=0.01) == "STOP"  # what it came to before the kill reached it


def test_a_study_that_goes_on_judges_by_who_was_on_the_rung_by_then() -> None:
    """The best of three came last: the first was stopped by neither, since neither was there."""
    again = RungScheduler(RUNGS, {(2, 100): 0.5, (1, 100): 0.4, (3, 100): 0.1})
    assert [told(again, number, examples_seen=100, objective=0.3) for number in (2, 1, 3)] == ["CONTINUE"] * 3


def test_a_trial_that_reports_a_rung_once_more_stands_there_once() -> None:
    scheduler = RungScheduler(RUNGS, {(0, 100): 0.2, (1, 100): 0.1, (1, 300): 0.05})
    rungs = scheduler._brackets[0].debug_str()
    told(scheduler, 1, examples_seen=300, objective=0.05)
    assert scheduler._brackets[0].debug_str() == rungs


def test_no_trial_is_stopped_for_reaching_the_end() -> None:
    scheduler = RungScheduler(RUNGS, {})
    assert told(scheduler, 1, examples_seen=10**12, objective=0.1) == "CONTINUE"


def test_a_probe_is_neither_stopped_nor_compared_with() -> None:
    scheduler = RungScheduler(RUNGS, {(0, 100): 0.2})
    probe = SimpleNamespace(trial_id="tune-1", config={"trial": asked(1, TINY, probes="trial-0000")})
    scheduler.on_trial_add(None, probe)
    result = {"examples_seen": 108, "objective": 0.9}
    assert scheduler.on_trial_result(None, probe, result) == "CONTINUE"
    scheduler.on_trial_complete(None, probe, {"examples_seen": 108, "objective": 0.01})
    assert told(scheduler, 2, examples_seen=100, objective=0.1) == "CONTINUE"


def test_a_failed_trials_last_word_has_no_examples_and_is_let_pass() -> None:
    assert told(RungScheduler(RUNGS, {}), 1, objective=10.0, finished=True) == "CONTINUE"


def test_none_stops_nothing_and_a_scheduler_of_another_name_never_runs_as_asha() -> None:
    assert type(make_scheduler(Scheduler(name="none"), {})) is FIFOScheduler
    with pytest.raises(AssertionError, match="median"):
        make_scheduler(RUNGS.model_copy(update={"name": "median"}), {})
