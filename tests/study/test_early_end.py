"""A search that ended by itself: what is written of it, who goes on, and what its report and its files say."""

from pathlib import Path

import pytest
from ended_trials import record
from histories import TINY, description, history

from raytrain.report.write import write_report
from raytrain.results.early_end import Prospect, early_end
from raytrain.results.learned import learned
from raytrain.search.borrowed import Borrowed, BorrowedTrial, write_borrowed
from raytrain.study.agreement import write_agreement
from raytrain.study.opening import changed

ENDED = Prospect(ended=14, expected_gain=0.0004, chance=0.01, worth=0.002)


@pytest.fixture
def over(tmp_path: Path) -> Path:
    description().write(tmp_path)
    kept = history(tmp_path)
    kept.start(kept.axes.baseline_sample)
    kept.end(record(0, TINY, eval_wer=0.3))
    kept.close(ENDED)
    return tmp_path


def test_why_a_search_ended_is_read_back_from_its_events(over: Path) -> None:
    assert early_end(over) == ENDED
    assert [one.number for one in history(over).begun()] == [0]  # it is no trial


def test_a_search_that_went_on_since_is_not_over(over: Path) -> None:
    history(over).start({"training.batch_size": 4})
    assert early_end(over) is None


def test_the_report_says_with_its_numbers_why_the_search_ended(over: Path) -> None:
    write_report(over)
    sentence = (
        "The search ended by itself: after 14 trainings further trials can be expected to lower the WER by 0.0004, and "
        "by more than 0.002 with a chance of 1.0%: not worth their time (search.worth_wer: 0.002)."
    )
    assert sentence in (over / "report.md").read_text()
    assert sentence in (over / "report.html").read_text()


def test_what_a_trial_is_worth_may_change_as_a_study_goes_on(over: Path) -> None:
    asked = changed(over, description(), ["search.worth_wer=null"], trials=None)
    assert asked.asked.search.worth_wer is None


def test_what_became_of_a_borrowed_study_is_written_for_the_report(over: Path) -> None:
    assert write_agreement(over) == learned(over) == []
    trials = [BorrowedTrial(size=size, others={}, objective=0.2 + size / 100) for size in (2, 4, 8)]
    write_borrowed(over, [Borrowed(study="spring", trust=0.8, discounted_for=[], trials=trials)])
    (found,) = write_agreement(over)
    assert (found.study, found.trials) == ("spring", 3)
    assert learned(over) == [found]
