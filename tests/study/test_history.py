"""events.jsonl and the ledger: all that a study goes on from, whatever a kill cut short."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from ended_trials import record
from histories import BATCH, TINY, description, history
from optuna.trial import TrialState

from raytrain.errors import InputError
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.search.finalists import Repeat
from raytrain.study.proposals import Repeats
from raytrain.study.spending import Spending
from raytrain.study.study import Study


def test_numbers_count_what_was_started_whoever_opens_the_study(tmp_path: Path) -> None:
    first = history(tmp_path)
    assert first.start(first.axes.baseline_sample) == 0
    assert history(tmp_path).start({BATCH: 4}) == 1
    assert first.next_number == 2


def test_what_was_started_and_not_ended_is_found_again(tmp_path: Path) -> None:
    killed = history(tmp_path)
    killed.start(killed.axes.baseline_sample)
    killed.start({BATCH: 4})
    killed.score(1, examples_seen=100, objective=0.4)
    killed.end(record(0, TINY, eval_wer=0.3))
    again = history(tmp_path)
    assert [(one.number, one.sample) for one in again.unfinished()] == [(1, {BATCH: 4})]
    assert again.objectives() == {(1, 100): 0.4}
    assert [one.objectives for one in again.tried()] == [(0.3,), ()]


def test_what_stands_on_a_rung_stays_when_the_run_breaks_off_there(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.start(kept.axes.baseline_sample)
    kept.score(0, examples_seen=100, objective=0.3)
    kept.score(0, examples_seen=100, objective=10.0)
    assert kept.objectives() == {(0, 100): 0.3}


def test_a_trial_is_learnt_from_as_what_it_was(tmp_path: Path) -> None:
    kept = history(tmp_path)
    for number, outcome in enumerate(Outcome):
        kept.start({BATCH: 4})
        kept.score(number, examples_seen=100, objective=0.4)
        kept.end(record(number, TINY, outcome=outcome, eval_wer=0.25))
    assert {outcome: (one.state, one.objectives) for outcome, one in zip(Outcome, kept.tried(), strict=True)} == {
        Outcome.COMPLETED: (TrialState.COMPLETE, (0.25,)),
        Outcome.PRUNED: (TrialState.PRUNED, ()),
        Outcome.DIVERGED: (TrialState.COMPLETE, (10.0,)),  # a fact about the sample, and a bad one
        Outcome.OUT_OF_MEMORY: (TrialState.COMPLETE, (10.0,)),
        Outcome.NOT_STARTED: (TrialState.COMPLETE, (10.0,)),
        Outcome.FAILED: (TrialState.FAIL, ()),
    }
    assert [one.was_trained for one in kept.tried()] == [True] + [False] * 5


def test_the_sampler_learns_by_how_much_a_limit_was_missed_or_kept(tmp_path: Path) -> None:
    kept = history(tmp_path, memory_limit_gib=8.0)
    for number, peak_gib in enumerate([9.5, 6.0]):
        kept.start({BATCH: 4})
        kept.end(record(number, TINY, eval_wer=0.3, peak_memory_reserved_gib=peak_gib))
    assert [one.violation for one in kept.tried()] == [1.5, -2.0]
    assert [one.violation for one in history(tmp_path).tried()] == [None, None]  # a study without a limit


def test_an_end_that_is_written_twice_changes_nothing(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.start(kept.axes.baseline_sample)
    kept.end(record(0, TINY, eval_wer=0.3))
    kept.end(record(0, TINY, eval_wer=0.9))
    assert [one.eval_wer for one in history(tmp_path).records] == [0.3]


def test_neither_sampler_nor_scheduler_sees_repeats_and_a_kill_leaves_them_to_be_ended(tmp_path: Path) -> None:
    baseline = record(0, TINY, eval_wer=0.3)
    kept = history(tmp_path)
    kept.start(kept.axes.baseline_sample)
    kept.end(baseline)
    assert kept.repeat(Repeat(finalist=baseline, seed=43)) == 1
    kept.score(1, examples_seen=100, objective=0.1)
    assert kept.start({BATCH: 4}) == 2
    kept.score(2, examples_seen=100, objective=0.4)
    killed = history(tmp_path)
    assert [(one.number, one.finalist_of, one.seed) for one in killed.unfinished()] == [
        (1, "trial-0000", 43),
        (2, None, None),
    ]
    assert [one.sample for one in killed.tried()] == [{BATCH: 8}, {BATCH: 4}]
    assert killed.objectives() == {(2, 100): 0.4}
    killed.end(record(1, TINY, eval_wer=0.1, finalist_of="trial-0000", seed=43))
    assert [one.number for one in killed.unfinished()] == [2]


def test_a_study_without_events_goes_on_from_its_ledger(tmp_path: Path) -> None:
    """As studies of version 1 were: their evaluations stand in the records' own histories."""
    rows = [{"examples_seen": seen, "eval_wer": wer} for seen, wer in [(0, 0.9), (100, 0.4), (300, 0.2)]]
    Ledger(tmp_path).append(record(0, TINY, eval_wer=0.2, history=rows))
    Ledger(tmp_path).append(record(2, TINY, eval_wer=0.35, sample={BATCH: 4}, outcome=Outcome.PRUNED, examples_seen=90))
    kept = history(tmp_path)
    assert [one.sample for one in kept.tried()] == [{BATCH: 8}, {BATCH: 4}]
    assert kept.objectives() == {(0, 100): 0.4, (0, 300): 0.2, (2, 90): 0.35}
    assert (kept.next_number, kept.unfinished()) == (3, [])


def test_an_event_that_a_kill_cut_short_is_left_out_and_written_over(tmp_path: Path) -> None:
    history(tmp_path).start({BATCH: 4})
    whole = (tmp_path / "events.jsonl").read_bytes()
    (tmp_path / "events.jsonl").write_bytes(whole + whole[:20])
    assert history(tmp_path).start({BATCH: 2}) == 1
    assert [one.sample for one in history(tmp_path).unfinished()] == [{BATCH: 4}, {BATCH: 2}]


def test_a_line_that_is_no_event_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"mood": "good"}\n')
    with pytest.raises(InputError, match=r"events\.jsonl:1: not an event of a study: event: missing"):
        history(tmp_path).begun()


def test_an_event_holds_what_is_known_and_when_and_nothing_else(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.start({BATCH: 4})
    kept.score(0, examples_seen=100, objective=0.4)
    kept.repeat(Repeat(finalist=record(0, TINY, sample={BATCH: 4}, eval_wer=0.3), seed=43))
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    written_at = [datetime.fromisoformat(line.pop("at")) for line in lines]
    assert all(at.utcoffset() is not None and at.utcoffset().total_seconds() == 0 for at in written_at)  # type: ignore[union-attr]
    assert lines == [
        {"event": "started", "number": 0, "sample": {BATCH: 4}},
        {"event": "scored", "number": 0, "examples_seen": 100, "objective": 0.4},
        {"event": "started", "number": 1, "sample": {BATCH: 4}, "finalist_of": "trial-0000", "seed": 43},
    ]


def test_a_trial_that_runs_is_learnt_from_by_what_it_has_scored(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.start({BATCH: 4})
    kept.score(0, examples_seen=100, objective=0.4)
    (running,) = kept.tried()
    assert (running.sample, running.state, running.intermediate) == ({BATCH: 4}, TrialState.RUNNING, {100: 0.4})
    assert (running.objectives, running.violation, running.was_trained) == ((), None, False)


def test_scores_are_found_again_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.start(kept.axes.baseline_sample)
    kept.start({BATCH: 4})
    kept.score(1, examples_seen=100, objective=0.4)
    kept.score(0, examples_seen=300, objective=0.3)
    kept.score(1, examples_seen=100, objective=0.4)  # reported once more by a run that goes on
    kept.score(1, examples_seen=300, objective=0.2)
    kept.end(record(2, TINY, eval_wer=0.35, outcome=Outcome.PRUNED, examples_seen=90))  # of version 1
    assert list(history(tmp_path).objectives().items()) == [
        ((2, 90), 0.35), ((1, 100), 0.4), ((0, 300), 0.3), ((1, 300), 0.2)
    ]  # fmt: skip


def test_what_was_scored_as_it_ran_stands_before_the_record_s_own_history(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.start({BATCH: 4})
    kept.score(0, examples_seen=100, objective=0.4)
    kept.end(record(0, TINY, eval_wer=0.3, history=[{"examples_seen": 100, "eval_wer": 0.5}]))
    assert kept.objectives() == {(0, 100): 0.4}
    assert kept.tried()[0].intermediate == {100: 0.4}


def test_a_score_of_a_trial_that_nobody_started_is_left_out(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.score(5, examples_seen=100, objective=0.4)
    assert kept.begun() == []
    kept.start({BATCH: 4})
    kept.score(0, examples_seen=100, objective=0.2)
    assert kept.objectives() == {(0, 100): 0.2}


def test_an_evaluation_without_a_wer_is_no_rung_and_babble_is_the_worst(tmp_path: Path) -> None:
    rows = [{"examples_seen": 100, "eval_wer": None}, {"examples_seen": 200, "eval_wer": 37.0}]
    Ledger(tmp_path).append(record(0, TINY, eval_wer=0.2, history=rows))
    assert history(tmp_path).objectives() == {(0, 200): 10.0}


def test_only_a_stopped_trial_stands_on_a_rung_by_its_last_word(tmp_path: Path) -> None:
    for number, outcome in enumerate([Outcome.COMPLETED, Outcome.PRUNED]):
        Ledger(tmp_path).append(record(number, TINY, eval_wer=0.3, outcome=outcome, examples_seen=90))
    assert history(tmp_path).objectives() == {(1, 90): 0.3}


def test_an_old_repeat_is_known_as_one_by_the_ledger_alone(tmp_path: Path) -> None:
    rows = [{"examples_seen": 100, "eval_wer": 0.3}]
    repeat = record(1, TINY, eval_wer=0.3, history=rows, sample={BATCH: 4}, finalist_of="trial-0000", seed=43)
    Ledger(tmp_path).append(record(0, TINY, eval_wer=0.3, history=rows))
    Ledger(tmp_path).append(repeat)
    kept = history(tmp_path)
    assert [(one.number, one.finalist_of, one.seed) for one in kept.begun()] == [(0, None, 42), (1, "trial-0000", 43)]
    assert [one.record for one in kept.begun()] == kept.records
    assert kept.objectives() == {(0, 100): 0.3}


def test_a_diverged_trial_of_a_front_breaks_a_rule_whatever_memory_it_took(tmp_path: Path) -> None:
    front = history(tmp_path, objective="pareto", memory_limit_gib=8.0)
    diverged = record(0, TINY, outcome=Outcome.DIVERGED, peak_memory_reserved_gib=6.0)
    front.end(diverged)
    assert front.tried()[0].violation == 1.0
    assert len(front.values_of(diverged)) == 3


def test_a_study_is_kept_from_others_while_it_is_held(tmp_path: Path) -> None:
    kept = history(tmp_path)
    with kept.held():
        assert "process" in (tmp_path / "study.lock").read_text()
        assert kept.start({BATCH: 4}) == 0


def test_a_baseline_that_an_old_study_had_begun_and_not_ended_is_trained(tmp_path: Path) -> None:
    old = history(tmp_path)
    old.end(record(1, TINY, eval_wer=0.3, sample={BATCH: 4}))  # with no event of it, as version 1 left its studies
    (baseline,) = history(tmp_path).unfinished()
    assert (baseline.number, baseline.sample) == (0, old.axes.baseline_sample)
    assert history(tmp_path).next_number == 2


def test_a_repeat_of_a_trial_whose_line_was_taken_out_is_not_gone_on_with(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.repeat(Repeat(finalist=record(3, TINY), seed=43))
    study = Study(folder=tmp_path, description=description(), inputs=None)  # type: ignore[arg-type]
    assert Repeats(study, Spending(study)).remaining == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_study_that_is_followed_is_at_every_moment_as_one_that_is_opened_anew(seed: int, tmp_path: Path) -> None:
    random, followed = np.random.default_rng(seed), history(tmp_path)
    followed.start(followed.axes.baseline_sample)
    for step in range(40):
        running = [one.number for one in followed.unfinished()]
        if not running or random.random() < 0.3:
            followed.start({BATCH: int(random.choice([2, 4]))})
        elif random.random() < 0.6:
            followed.score(int(random.choice(running)), examples_seen=100 * int(random.integers(1, 4)), objective=step)
        else:
            followed.end(record(int(random.choice(running)), TINY, eval_wer=0.3))
        anew = history(tmp_path)
        assert followed.begun() == anew.begun()
        assert (followed.tried(), followed.objectives()) == (anew.tried(), anew.objectives())
        assert followed.next_number == anew.next_number


def test_a_ledger_that_was_put_back_from_a_copy_is_followed_from_its_start(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.start(kept.axes.baseline_sample)
    before = (tmp_path / "trials.jsonl", (tmp_path / "events.jsonl").read_bytes())
    kept.end(record(0, TINY, eval_wer=0.3))
    assert kept.unfinished() == []
    before[0].unlink()
    (tmp_path / "events.jsonl").write_bytes(before[1])
    assert [one.number for one in kept.unfinished()] == [0]
