"""Memory in a study: what is predicted not to fit is told and never launched, and what fits shares the card.

The card is one that Ray counts and torch does not find: trials train on the CPU.
"""

from pathlib import Path

import pytest
from small_studies import small_study

from raytrain.errors import InputError
from raytrain.results.records import Outcome, TrialRecord
from raytrain.study.run_study import run_study

BATCH, RATE = "training.batch_size", "training.learning_rate"
ONE_STEP = (
    "training.max_steps=1",
    "training.gradient_accumulation_steps=1",
    "scaling.gpu_memory_gib=4",
    "scaling.cpus_per_worker=1",
)


def most_taken(records: list[TrialRecord]) -> float:
    """The largest sum of shares that ran at one time, by the ledger's own times."""
    return max(
        sum(one.gpu_fraction or 0.0 for one in records if one.started_at <= at.started_at < one.ended_at)
        for at in records
    )


def ran(folder: Path, tiny_en: Path, *overrides: str, vary: str, trials: int) -> list[TrialRecord]:
    space = (f"vary={vary}", "scheduler.name=none", "search.max_concurrent=4", f"search.trials={trials}")
    records, _ = run_study(
        small_study(folder, tiny_en, baseline=(*ONE_STEP, *overrides), space=(*space, "search.finalists=0")),
        on_end=lambda record: None,
    )
    return sorted(records, key=lambda record: record.number)


def test_what_is_predicted_not_to_fit_is_told_and_never_launched(
    ray_cluster: None, tiny_en: Path, tmp_path: Path
) -> None:
    records = ran(tmp_path, tiny_en, vary=f"{{{BATCH}: {{values: [2, 4, 900]}}}}", trials=3)
    outcomes = {record.config.training.batch_size: record.outcome for record in records}
    assert outcomes == {2: Outcome.COMPLETED, 4: Outcome.COMPLETED, 900: Outcome.NOT_STARTED}
    refused = records[-1]
    assert (refused.reason or "").startswith(f"predicted {refused.predicted_memory_gib:.1f} GiB, the card has 4")
    assert (refused.wall_s, refused.gpu_fraction, refused.checkpoint) == (0.0, None, None)
    launched = [record for record in records if record is not refused]
    assert all(0.1 < (record.gpu_fraction or 0) < 0.5 for record in launched)
    assert max(record.started_at for record in launched) < min(record.ended_at for record in launched)


def test_a_space_of_which_nothing_fits_is_refused(ray_cluster: None, tiny_en: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the baseline does not fit \(predicted .* the card has 0\.6\)"):
        ran(tmp_path, tiny_en, "scaling.gpu_memory_gib=0.6", vary=f"{{{BATCH}: {{values: [2, 4]}}}}", trials=2)


@pytest.mark.soak
def test_of_three_trials_at_0_4_of_a_card_never_three_run(ray_cluster: None, tiny_en: Path, tmp_path: Path) -> None:
    vary = f"{{{RATE}: {{values: [1e-5, 2e-5, 3e-5]}}}}"
    records = ran(tmp_path, tiny_en, "scaling.gpu_fraction=0.4", vary=vary, trials=3)
    assert [record.outcome for record in records] == [Outcome.COMPLETED] * 3
    first, second, third = sorted(records, key=lambda record: record.started_at)
    assert second.started_at < first.ended_at
    assert third.started_at >= min(first.ended_at, second.ended_at)


@pytest.mark.soak
def test_four_trials_at_a_quarter_of_a_card_run_at_once(ray_cluster: None, tiny_en: Path, tmp_path: Path) -> None:
    vary = f"{{{RATE}: {{values: [1e-5, 2e-5, 3e-5, 4e-5]}}}}"
    records = ran(tmp_path, tiny_en, "scaling.gpu_fraction=0.25", vary=vary, trials=4)
    assert [record.outcome for record in records] == [Outcome.COMPLETED] * 4
    assert most_taken(records) == 1.0
    assert max(record.started_at for record in records) < min(record.ended_at for record in records)


@pytest.mark.soak
def test_trials_of_mixed_sizes_never_take_more_than_a_card_and_none_is_passed(
    ray_cluster: None, tiny_en: Path, tmp_path: Path
) -> None:
    """Parts from 0.4 to 0.9: one that needs most of the card waits for it, and none that comes later starts before."""
    vary = f"{{{BATCH}: {{values: [2, 4, 8, 44]}}, {RATE}: {{values: [1e-5, 2e-5]}}}}"
    records = ran(tmp_path, tiny_en, vary=vary, trials=8)
    assert [record.outcome for record in records] == [Outcome.COMPLETED] * 8
    first_large = next(record for record in records if (record.gpu_fraction or 0.0) > 0.85)
    assert 0 < first_large.number < 7
    assert min(record.started_at for record in records[first_large.number + 1 :]) >= first_large.ended_at
    assert 0.85 < most_taken(records) <= 1.0
