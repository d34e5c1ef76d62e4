"""A real study with finalists: its ledger, what a kill leaves to be ended, and what a further start adds."""

from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from small_corpora import spoken, write
from small_studies import small_study

from raytrain.config.reader import apply_sample
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.transcripts import read_counts, transcripts_path
from raytrain.search.finalists import Repeat
from raytrain.study.run_study import run_study
from raytrain.study.study import Study

RATE = "training.learning_rate"
SPACE = (
    f"vary={{{RATE}: {{values: [1e-5, 2e-5]}}}}", "search.trials=2", "search.max_concurrent=2", "search.finalists=0",
    "search.seeds=2", "scheduler.name=none", "keep.also.adult={high: 9}",
)  # fmt: skip


@pytest.fixture(scope="module")
def searched(ray_cluster: None, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The search alone, to its end; two at once in quarters of a card that Ray counts and torch does not find."""
    adults = tmp_path_factory.mktemp("adults")
    manifest = write(adults / "manifest.jsonl", spoken(adults, "xyz", each=1))
    short = (
        "training.max_steps=1", "scaling.gpu_fraction=0.25", "scaling.cpus_per_worker=1",
        f"evaluation.also={{adult: {manifest}}}",
    )  # fmt: skip
    study = small_study(tmp_path_factory.mktemp("finalists"), tiny_en, baseline=short, space=SPACE)
    run_study(study, on_end=lambda record: None)
    return study


@pytest.fixture(scope="module")
def with_finalists(searched: Study) -> Study:
    search = searched.space.search.model_copy(update={"finalists": 2})
    space = searched.space.model_copy(update={"search": search})
    return replace(searched, description=replace(searched.description, space=space))


@pytest.fixture(scope="module")
def records(with_finalists: Study) -> list[TrialRecord]:
    """As if the process had been killed when it had just begun to train the baseline again."""
    baseline = by_number(Ledger(with_finalists.folder).read())[0]
    with_finalists.history.repeat(Repeat(finalist=baseline, seed=43))
    ran: list[int] = []
    found, interrupted = run_study(with_finalists, on_end=lambda record: ran.append(record.number))
    assert not interrupted
    assert sorted(ran) == [2, 3]
    return by_number(found)


def by_number(records: list[TrialRecord]) -> list[TrialRecord]:
    return sorted(records, key=lambda record: record.number)


def test_trials_share_a_card_at_a_quarter_each(records: list[TrialRecord]) -> None:
    assert {record.gpu_fraction for record in records} == {0.25}
    for one, other in (records[:2], records[2:]):
        assert one.started_at < other.ended_at
        assert other.started_at < one.ended_at
    assert {record.peak_memory_reserved_gib for record in records} == {None}  # they trained on the CPU


def test_the_search_is_followed_by_its_finalists_numbered_on(records: list[TrialRecord]) -> None:
    assert [record.number for record in records] == [0, 1, 2, 3]
    assert [record.outcome for record in records] == [Outcome.COMPLETED] * 4
    assert [(record.finalist_of, record.seed) for record in records] == [
        (None, 42),
        (None, 42),
        ("trial-0000", 43),  # the one that was begun already
        ("trial-0001", 43),
    ]


def test_a_finalist_is_trained_again_with_another_seed_and_nothing_else(records: list[TrialRecord]) -> None:
    first, again = records[1], records[3]
    assert again.config == apply_sample(first.config, {"training.seed": 43})
    assert again.sample == first.sample
    assert again.history[-1]["examples_seen"] == first.history[-1]["examples_seen"] == 4
    assert again.history[-1]["train_loss"] != first.history[-1]["train_loss"]


def test_all_trainings_are_scored_on_the_same_utterances(records: list[TrialRecord], searched: Study) -> None:
    scored = [read_counts(transcripts_path(searched.folder, record.number)) for record in records]
    assert len({tuple(one.utterance_ids) for one in scored if one is not None}) == 1
    assert len(scored) == 4


def test_a_further_set_is_scored_as_each_ends_and_once_before(records: list[TrialRecord]) -> None:
    assert [sorted(record.also) for record in records] == [["adult"]] * 4
    assert [record.over for record in records] == [{"also.adult": 0.0}] * 4
    before = [row["also"]["adult"] for record in records for row in record.history if row["step"] == 0]
    assert len(before) == 1


def test_of_a_training_again_no_weights_are_kept(records: list[TrialRecord], searched: Study) -> None:
    assert [record.checkpoint is None for record in records] == [False, False, True, True]
    assert not (searched.folder / "ray" / "trial-0003").exists()


def test_a_further_start_adds_nothing(records: list[TrialRecord], with_finalists: Study) -> None:
    again, _ = run_study(with_finalists, on_end=unexpected)
    assert by_number(again) == records
    told = optuna.load_study(
        study_name=with_finalists.folder.name, storage=f"sqlite:///{with_finalists.folder / 'optuna.db'}"
    )
    assert [trial.state for trial in told.trials] == [TrialState.COMPLETE] * 4
    assert [trial.user_attrs.get("finalist_of") for trial in told.trials] == [None, None, "trial-0000", "trial-0001"]


def unexpected(record: TrialRecord) -> None:
    raise AssertionError(f"trial {record.number} ran again")
