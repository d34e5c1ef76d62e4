"""A study's budget as its files tell it: what may start, and what a resumption adds. Nothing is trained."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ended_trials import record
from played_studies import SPACE, begin, go_on, unshown
from small_studies import small_study

from raytrain.config.reader import apply_sample, load_space
from raytrain.errors import InputError
from raytrain.memory.admission import Admission
from raytrain.memory.footprint import Footprint
from raytrain.results.clock import FILE_NAME, Clock
from raytrain.study.opening import changed
from raytrain.study.proposals import Proposals, Repeats
from raytrain.study.spending import LATER, Spending
from raytrain.study.study import Study
from raytrain.trial.job import Share

BATCH = "training.batch_size"
SHARE = Share(use_gpu=False, gpu_fraction=1.0, cpus=1, threads=1)


VARY = "vary={training.batch_size: {values: [2, 4, 8]}, training.learning_rate: {low: 1e-6, high: 1e-4, log: true}}"


@pytest.fixture(scope="module")
def asked(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Trials of 16 clips each."""
    return small_study(tmp_path_factory.mktemp("asked"), tiny_en, space=(VARY,))


def studied(asked: Study, folder: Path, *, hours: float, ran_s: float = 0.0, **given: Any) -> Study:
    """A study that has run for so many seconds."""
    values = {"budget_hours": hours, "finalists": 0, "trials": 9, **given}
    space = asked.space.model_copy(update={"search": asked.space.search.model_copy(update=values)})
    study = replace(asked, folder=folder, description=replace(asked.description, space=space))
    tick = {"start": 1, "at": "2026-01-01T00:00:00+00:00", "ran_s": ran_s}
    (folder / FILE_NAME).write_text(json.dumps(tick) + "\n")
    return study


def train(study: Study, number: int, *, seconds: float, batch_size: int = 4, **fields: Any) -> None:
    sample = {BATCH: batch_size, "training.learning_rate": 1e-5 * (1 + number)}
    study.history.start(study.history.axes.baseline_sample if number == 0 else sample)
    config = study.baseline if number == 0 else apply_sample(study.baseline, sample)
    ended_at = f"2026-01-01T{number:02}:00:00+00:00"
    known = {
        "eval_wer": 0.3,
        "examples_seen": 16,
        "wall_s": seconds,
        "sample": sample if number else {},
        "ended_at": ended_at,
    }
    study.history.end(record(number, config, **known | fields))


def proposed(study: Study) -> Any:
    return Proposals(study, Spending(study)).next(SHARE, nothing_refused(study))


def test_no_cluster_is_started_for_what_cannot_end_in_time(asked: Study, tmp_path: Path) -> None:
    for name, ran_s, can_begin in (("in time", 400.0, True), ("late", 520.0, False), ("over", 700.0, False)):
        (folder := tmp_path / name).mkdir()
        study = studied(asked, folder, hours=600 / 3600, ran_s=ran_s)
        train(study, 0, seconds=100.0)
        assert Proposals(study, Spending(study)).can_begin == can_begin
        assert study.history.next_number == 1


def nothing_refused(study: Study) -> Admission:
    return Admission(Footprint(study.inputs.corpora), card_gib=None, limit_gib=None)


def test_the_baseline_starts_whatever_is_known(asked: Study, tmp_path: Path) -> None:
    assert proposed(studied(asked, tmp_path, hours=0.001)).number == 0


def test_a_trial_starts_while_it_can_end_in_time_and_then_none_does(asked: Study, tmp_path: Path) -> None:
    for name, ran_s, number in (("in time", 400.0, 1), ("late", 520.0, None)):
        (folder := tmp_path / name).mkdir()
        study = studied(asked, folder, hours=600 / 3600, ran_s=ran_s)
        train(study, 0, seconds=100.0)
        found = proposed(study)
        assert (None if found is None else found.number) == number
        assert study.history.next_number == (2 if number else 1)  # what is not started is not written down


def test_among_samples_those_are_drawn_that_end_in_time(asked: Study, tmp_path: Path) -> None:
    """Batches of 2 take 400 s, of 8 take 50 s, and 150 s are left."""
    study = studied(asked, tmp_path, hours=1000 / 3600, ran_s=850.0, trials=20)
    train(study, 0, seconds=100.0)
    for number in range(1, 7):
        train(study, number, seconds=400.0 if number % 2 else 50.0, batch_size=2 if number % 2 else 8)
    spending, sizes = Spending(study), set()
    proposals = Proposals(study, spending)
    for _ in range(4):
        trial = proposals.next(SHARE, nothing_refused(study))
        assert trial is not None
        assert trial is not LATER
        sizes.add(trial.config.training.batch_size)
    assert sizes <= {4, 8}


def test_while_nothing_is_known_of_times_the_next_waits_for_what_runs(asked: Study, tmp_path: Path) -> None:
    study = studied(asked, tmp_path, hours=1.0)
    spending = Spending(study)
    proposals = Proposals(study, spending)
    first = proposals.next(SHARE, nothing_refused(study))
    spending.starts(first)
    assert proposals.next(SHARE, nothing_refused(study)) is LATER
    study.history.end(record(0, study.baseline, eval_wer=0.3, examples_seen=16, wall_s=10.0))
    spending.ends(study.history.records[0])
    assert proposals.next(SHARE, nothing_refused(study)).number == 1


def test_the_search_leaves_the_finalists_their_share(asked: Study, tmp_path: Path) -> None:
    """Of 1000 s, 550 have passed; four trainings of 100 s are the finalists': then no trial ends in time."""
    study = studied(asked, tmp_path, hours=1000 / 3600, ran_s=550.0, finalists=1, seeds=3)
    train(study, 0, seconds=100.0)
    train(study, 1, seconds=100.0, eval_wer=0.2)
    assert proposed(study) is None
    repeats = Repeats(study, Spending(study))
    assert repeats.remaining == 4
    assert repeats.next(SHARE, nothing_refused(study)).repeats == "trial-0000"


def test_where_the_budget_is_short_fewer_finalists_are_trained_again(asked: Study, tmp_path: Path) -> None:
    study = studied(asked, tmp_path, hours=1000 / 3600, ran_s=350.0, finalists=3, seeds=3)
    for number in range(4):
        train(study, number, seconds=100.0, eval_wer=0.3 - 0.01 * number)
    chosen = Repeats(study, Spending(study))
    finalists = {chosen.next(SHARE, nothing_refused(study)).repeats for _ in range(chosen.remaining)}
    assert finalists == {"trial-0000", "trial-0002", "trial-0003"}  # two of three, for 650 s, and the baseline


def test_a_trial_that_was_saved_goes_on_where_what_it_lacks_can_end_in_time(asked: Study, tmp_path: Path) -> None:
    """It lacks a quarter of 100 s; a whole one would not end in the 60 s that are left."""
    study = studied(asked, tmp_path, hours=600 / 3600, ran_s=540.0)
    train(study, 0, seconds=100.0)
    study.history.start({BATCH: 2, "training.learning_rate": 1e-5})
    assert proposed(study) is None
    (study.runs / "trial-0001").mkdir(parents=True)
    progress = {"phase": "stopped", "examples_seen": 12, "examples_total": 16}
    (study.runs / "trial-0001" / "progress.json").write_text(json.dumps(progress))
    assert proposed(study).number == 1


def test_what_went_on_after_a_stop_teaches_no_pace(asked: Study, tmp_path: Path) -> None:
    """Its record knows only the seconds since it went on."""
    study = studied(asked, tmp_path, hours=600 / 3600, ran_s=540.0)
    train(study, 0, seconds=100.0)
    study.history.start({BATCH: 4, "training.learning_rate": 2e-5})
    with Clock(tmp_path).running():
        later = "2999-01-01T00:00:00+00:00"
        went_on = record(
            1, study.baseline, eval_wer=0.3, examples_seen=16, wall_s=1.0, started_at=later, ended_at=later
        )
        study.history.end(went_on)
    assert proposed(study) is None


def test_a_played_study_without_a_budget_runs_to_its_end_and_one_that_is_spent_adds_nothing(
    asked: Study, tiny_en: Path, tmp_path: Path
) -> None:
    played = load_space("smoke", [*SPACE, "keep={}", "budget.examples=null"], baseline=asked.baseline)
    search = played.search.model_copy(update={"budget_hours": 1e-6, "trials": 30})
    study, spent = (
        replace(asked, description=replace(asked.description, space=space))
        for space in (played, played.model_copy(update={"search": search}))
    )
    with unshown():
        done = begin(study, tmp_path / "results", on_end=lambda record: None)
        numbers = [one.number for one in done.history.records]
        replace(spent, folder=done.folder).description.write(done.folder)
        again = go_on(spent, tmp_path / "results", on_end=lambda record: None)
    assert len(numbers) == 10
    assert [one.number for one in again.history.records] == numbers
    assert 0 < Clock(done.folder).ran_s < 60


def test_a_resumption_grants_hours_from_now_on(asked: Study, tmp_path: Path) -> None:
    study = studied(asked, tmp_path, hours=1.0, ran_s=1800.0)
    more = changed(tmp_path, study.description, [], trials=None, further_hours=4.0)
    assert more.asked.search.budget_hours == pytest.approx(4.5)
    assert changed(tmp_path, study.description, ["search.budget_hours=8"], trials=None).asked.search.budget_hours == 8
    with pytest.raises(InputError, match=r"search\.budget_hours"):
        changed(tmp_path, study.description, ["search.budget_hours=0"], trials=None)
