"""What trackers are sent of a trial, a fit and a study: ids, names, groups, tags, settings and summaries."""

from pathlib import Path

import pytest
import wandb
from test_published_study import BASELINE, SPACE, trial

from raytrain.config.dump import by_dotted_key, flat
from raytrain.config.reader import apply_sample
from raytrain.report.spent import spent_on
from raytrain.report.write import write_report
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, Row
from raytrain.results.study_results import StudyResults
from raytrain.tracking.content import fit_run, plain_name, study_run, study_summary, trial_row, trial_run, trial_summary

NAME = "2026-01-01_tiny_smoke"


@pytest.fixture
def study(tmp_path: Path) -> StudyResults:
    folder = tmp_path / NAME
    folder.mkdir()
    Description(baseline_name="tiny", baseline=BASELINE, space_name="smoke", space=SPACE).write(folder)
    Ledger(folder).append(trial(0, Outcome.COMPLETED, 0.3))
    Ledger(folder).append(trial(1, Outcome.DIVERGED, None))
    return write_report(folder)


def test_a_trial_stands_in_its_study_s_group_and_its_name_shows_split_and_rate() -> None:
    content = trial_run(NAME, "trial-0003", number=3, config=BASELINE, space_name="smoke")
    assert (content.run_id, content.name) == (f"{NAME}-trial-0003", "trial-0003 8x1 lr 1e-05")
    assert (content.group, content.job_type, content.tags) == (NAME, "trial", ("tiny", "smoke"))


def test_a_trial_s_name_shows_its_adapter() -> None:
    config = apply_sample(BASELINE, {"model.adapter.rank": 8})
    assert trial_run(NAME, "trial-0003", number=3, config=config).name == "trial-0003 8x1 lr 1e-05 lora 8"


def test_the_first_trial_is_tagged_as_the_baseline_and_a_space_without_a_name_is_no_tag() -> None:
    assert trial_run(NAME, "trial-0000", number=0, config=BASELINE).tags == ("tiny", "baseline")


def test_a_trial_s_settings_are_flat_and_whole() -> None:
    config = trial_run(NAME, "trial-0003", number=3, config=BASELINE).config
    assert config == by_dotted_key(BASELINE)
    assert (config["training.batch_size"], config["storage"]) == (8, "results")


def test_a_row_has_the_prediction_beside_the_measured_memory() -> None:
    row = Row(examples_seen=8, peak_memory_reserved_gib=2.5)
    assert trial_row(row, predicted_memory_gib=3.0) == row.as_dict() | {"predicted_memory_gib": 3.0}


def test_a_trial_s_summary_is_its_last_row_and_what_the_record_alone_knows() -> None:
    record = trial(4, Outcome.COMPLETED, 0.25, inherited_from="trial-0001", gpu_fraction=0.5, reason="as trial-0001")
    last = Row(eval_wer=0.9, step=4, finished=True)
    assert trial_summary(record, last_row=last.as_dict()) == last.as_dict() | {
        "eval_wer": 0.25, "best_eval_wer": None, "inherited_from": "trial-0001", "reason": "as trial-0001",
        "predicted_memory_gib": None, "gpu_fraction": 0.5,
    }  # fmt: skip


def test_of_an_empty_section_nothing_is_sent() -> None:
    assert flat({"space": {"vary": {}, "trials": 4}}, separator=".") == {"space.trials": 4}


def test_a_fit_is_known_by_its_folder_and_stands_in_no_group() -> None:
    content = fit_run("2026-01-01_small", BASELINE)
    assert (content.run_id, content.name, content.group) == ("2026-01-01_small", "2026-01-01_small", None)
    assert (content.job_type, content.tags, content.config) == ("fit", ("tiny",), by_dotted_key(BASELINE))


def test_a_study_s_own_run_has_the_settings_of_its_baseline_and_its_space(study: StudyResults) -> None:
    content = study_run(study)
    assert (content.run_id, content.name, content.group) == (f"{NAME}-study", NAME, NAME)
    assert (content.job_type, content.tags) == ("study", ("tiny", "smoke"))
    assert content.config["baseline.training.batch_size"] == 8
    assert content.config["space.vary.training.batch_size.values"] == [4, 8]


def test_a_study_s_summary_has_verdict_counts_winner_and_baseline(study: StudyResults) -> None:
    summary = study_summary(study)
    assert summary.pop("verdict") == study.verdict.sentence
    assert summary.pop("hours") == spent_on(study).hours
    assert summary == {
        "finding": str(study.verdict.finding), "trials": 2, "trials_completed": 1, "trials_diverged": 1,
        "best_trial": 0, "eval_wer": 0.3, "baseline_eval_wer": 0.3,
    }  # fmt: skip


def test_tags_and_names_stay_within_what_wandb_takes() -> None:
    long = trial_run("s" * 200, "trial-0003", number=3, config=BASELINE, space_name="x" * 70)
    assert [len(tag) for tag in long.tags] == [4, 64]
    assert len(long.group or "") == len(long.run_id) == 128
    assert trial_run("s" * 200, "trial-0004", number=4, config=BASELINE).run_id != long.run_id
    wandb.Settings(run_tags=long.tags, run_id=long.run_id, run_group=long.group)


@pytest.mark.parametrize("name", ["it's: a, study?/#%", " blank ", "\udcff", "ü" * 100])
def test_a_folder_s_name_that_wandb_refuses_makes_an_id_that_it_takes(name: str) -> None:
    assert wandb.Settings(run_id=plain_name(name)).run_id == plain_name(plain_name(name))
    assert len(plain_name(name).encode()) <= 128
