"""What a running study comes to: counts, the best, the peak, and the time left."""

import time
from pathlib import Path

import pytest
from running_studies import BEGAN_S, ended, evaluated, running, studied

from raytrain.results.records import Outcome
from raytrain.trial.run_progress import ProgressFile


def test_trials_are_counted_by_how_they_ended_and_the_rest_is_to_come() -> None:
    study = studied(ended(0), ended(1, outcome=Outcome.PRUNED), ended(2), running(3), running(4))
    assert study.outcomes() == {Outcome.COMPLETED: 2, Outcome.PRUNED: 1}
    assert study.to_come() == (5, 0)


def test_a_trial_that_was_never_launched_leaves_as_many_to_come() -> None:
    assert studied(ended(0), ended(1, outcome=Outcome.NOT_STARTED)).to_come() == (9, 0)


def test_repeats_of_finalists_are_counted_apart() -> None:
    study = studied(ended(0), ended(1, finalist_of="trial-0000"), running(2, repeats="trial-0000"), repeats=8)
    assert study.to_come() == (9, 6)
    assert (study.outcomes(), study.repeats_ended()) == ({Outcome.COMPLETED: 1}, 1)


def test_a_trial_that_ends_runs_no_longer() -> None:
    study = studied(running(0), ended(0))
    assert (study.running, len(study.ended)) == ({}, 1)


def test_an_evaluation_tells_wer_and_memory_of_a_running_trial() -> None:
    study = studied(running(0))
    evaluated(study.running[0], examples_seen=300, eval_wer=0.25, peak_memory_resident_gib=2.5)
    trial = study.running[0]
    assert (trial.examples_seen, trial.row.eval_wer, study.peak_gib) == (300, 0.25, 2.5)


def test_between_evaluations_the_worker_s_file_tells_and_never_sets_back(tmp_path: Path) -> None:
    study = studied(running(0, run=tmp_path))
    ProgressFile(tmp_path).tell("training", 480, 960)
    study.refresh()
    evaluated(study.running[0], examples_seen=600, eval_wer=0.25)
    study.refresh()
    trial = study.running[0]
    assert (trial.phase, trial.examples_seen, trial.examples_total) == ("training", 600, 960)


def test_a_trial_that_goes_on_is_starting_whatever_the_start_before_left_behind(tmp_path: Path) -> None:
    study = studied(running(0, run=tmp_path))
    ProgressFile(tmp_path).tell("stopped", 480, 960)
    study.refresh()
    assert (study.running[0].phase, study.running[0].examples_seen) == ("starting", 480)
    ProgressFile(tmp_path).tell("training", 500, 960)
    study.refresh()
    ProgressFile(tmp_path).tell("stopped", 520, 960)
    study.refresh()
    assert study.running[0].phase == "stopped"


def test_the_best_keeps_the_memory_limit() -> None:
    greedy = ended(1, eval_wer=0.1, peak_memory_reserved_gib=9.0)
    study = studied(ended(0, peak_memory_reserved_gib=6.0), greedy, memory_limit_gib=8.0)
    assert (study.best, study.peak_gib) == (study.baseline, 9.0)


def test_the_time_left_is_unknown_before_the_first_clip() -> None:
    assert studied(running(0)).seconds_left(BEGAN_S + 60) is None


def test_one_running_trial_gives_a_first_estimate() -> None:
    """500 clips in 50 s: 500 more of this trial, and nine trials of 1000."""
    study = studied(running(0, examples_seen=500))
    assert study.seconds_left(BEGAN_S + 50) == pytest.approx(50 + 9 * 100)


def test_trials_side_by_side_take_less() -> None:
    """Two ended and two run, in the time of two: eight are left, two at a time."""
    study = studied(ended(0), ended(1), running(2, started_s=BEGAN_S + 100), running(3, started_s=BEGAN_S + 100))
    assert study.seconds_left(BEGAN_S + 200) == pytest.approx((2 + 6) * 100 / 2)


def test_what_the_scheduler_stops_shortens_what_is_expected_of_others() -> None:
    """0.1 s a clip; those to come as far as the mean of 1000 and 200; one that passed 200 goes to the end."""
    stopped = ended(1, outcome=Outcome.PRUNED, examples_seen=200, wall_s=20.0)
    study = studied(ended(0), stopped, running(2, examples_seen=400, started_s=BEGAN_S + 120))
    assert study.seconds_left(BEGAN_S + 160) == pytest.approx((600 + 7 * 600) * 0.1)


def test_a_probe_says_nothing_of_the_pace() -> None:
    probe = ended(1, inherited_from="trial-0000", wall_s=5.0)
    assert studied(ended(0), probe).seconds_left(BEGAN_S + 105) == pytest.approx(8 * 100)


def test_what_ended_before_a_restart_says_nothing_of_how_many_run_at_once() -> None:
    study = studied(running(2, examples_seen=500), ended=[ended(0), ended(1)])
    assert study.seconds_left(BEGAN_S + 50) == pytest.approx((500 + 7 * 1000) * 0.1)


def test_the_time_left_goes_on_while_a_trial_starts() -> None:
    """A trial takes 20 s to start and 80 s for its clips; the second has been starting for 5, then 15, then 25 s."""
    study = studied(running(0, took_to_start_s=20.0, took_to_train_s=20.0))
    study.ends(ended(0))
    study.starts(running(1, started_s=BEGAN_S + 100))
    assert [study.seconds_left(BEGAN_S + 100 + passed) for passed in (5, 15, 25)] == pytest.approx(
        [15 + 80 + 8 * 100, 5 + 80 + 8 * 100, 80 + 8 * 100]
    )
    study.running[1].phase = "training"
    assert study.seconds_left(BEGAN_S + 121) == pytest.approx(80 + 8 * 100)


def test_scoring_the_weights_as_they_came_is_no_part_of_what_other_trials_take() -> None:
    """The baseline starts in 20 s, scores for 30 s, and trains on 500 clips in 50 s: nine others have 1000 each."""
    study = studied(running(0, took_to_start_s=20.0, took_to_train_s=50.0, examples_seen=500, phase="training"))
    assert study.seconds_left(BEGAN_S + 100) == pytest.approx(50 + 9 * (20 + 100))


def test_a_trial_has_started_once_its_worker_trains_or_scores_and_trains_once_it_trains(tmp_path: Path) -> None:
    study = studied(running(0, run=tmp_path, started_s=time.monotonic() - 30))
    for phase, known in (("loading", []), ("scoring", ["start"]), ("training", ["start", "train"])):
        ProgressFile(tmp_path).tell(phase, 0, 960)
        study.refresh()
        taken = {"start": study.running[0].took_to_start_s, "train": study.running[0].took_to_train_s}
        assert [name for name, seconds in taken.items() if seconds is not None] == known
    assert list(taken.values()) == pytest.approx([30, 30], abs=5)


def test_how_long_it_will_take_is_said_once_as_soon_as_a_trial_tells(capsys: pytest.CaptureFixture[str]) -> None:
    study = studied(running(0, started_s=time.monotonic() - 50), owes_forecast=True)
    study.scored(study.running[0])
    assert capsys.readouterr().err == ""
    study.running[0].examples_seen = 500
    for _ in range(2):
        study.scored(study.running[0])
    assert capsys.readouterr().err == "time       about 16 min for what is left, going by trial 0 so far\n"
