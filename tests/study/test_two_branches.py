"""A whole study that chooses between full and adapter fine-tuning: files and pages take what some trials lack."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
import pytest
from played_studies import begin, told, unshown
from small_studies import small_study

from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline
from raytrain.memory.admission import Admission
from raytrain.memory.footprint import Footprint
from raytrain.memory.prediction import PredictedPeak, predict
from raytrain.report.write import write_report
from raytrain.results.ledger import Ledger
from raytrain.results.records import TrialRecord
from raytrain.results.study_results import load_study
from raytrain.search.borrowed import borrow
from raytrain.search.importance import write_importance
from raytrain.study.history import History
from raytrain.study.opening import changed, find_study
from raytrain.study.projection import Projection
from raytrain.study.proposals import Proposals
from raytrain.study.spending import Spending
from raytrain.study.study import Study
from raytrain.tracking.published_study import trial_rows
from raytrain.trial.job import Share, Trial

KIND, RANK, RATE = "model.adapter.kind", "model.adapter.rank", "training.learning_rate"
SPACE = (
    "vary={model.adapter.kind: {values: [null, lora]}, model.adapter.rank: {values: [2, 4, 8]}, "
    "training.batch_size: {values: [2, 4]}, training.gradient_accumulation_steps: {values: [1, 2]}, "
    "training.learning_rate: {full: {values: [1e-5, 2e-5]}, adapter: {low: 1e-4, high: 1e-3, log: true}}}",
    "search.trials=12", "search.finalists=2", "search.seeds=2", "scheduler.first_rung_examples=8",
    "search.worth_wer=null", "scheduler.reduction=2",
)  # fmt: skip


@dataclass
class Played:
    study: Study
    records: list[TrialRecord]


@pytest.fixture(scope="module")
def played(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    home = tmp_path_factory.mktemp("branches")
    with unshown():
        study = begin(small_study(home / "asked", tiny_en, space=SPACE), home / "results", on_end=lambda record: None)
    return Played(study, study.history.records)


def test_both_branches_are_trained_and_each_sample_has_its_own_keys_alone(played: Played) -> None:
    samples = [one.sample for one in played.records if one.number and one.finalist_of is None]
    kinds = {one[KIND] for one in samples}
    assert kinds == {None, "lora"}
    assert all((RANK in one) == (one[KIND] == "lora") for one in samples)
    adapters = [one.config.model.adapter for one in played.records if one.sample.get(KIND) == "lora"]
    assert {(one.rank, one.alpha) for one in adapters if one} <= {(2, 32.0), (4, 32.0), (8, 32.0)}
    assert all(one.config.model.adapter is None for one in played.records if one.sample.get(KIND, "") is None)


def test_the_baseline_is_trial_0_and_trains_all_weights(played: Played) -> None:
    assert played.records[0].number == 0
    assert played.records[0].config.model.adapter is None


def test_no_sample_is_tried_twice_and_another_split_of_a_training_inherits_in_its_own_branch(played: Played) -> None:
    searched = [one for one in played.records if one.finalist_of is None and one.number]
    assert len({json.dumps(one.sample, sort_keys=True) for one in searched}) == len(searched)
    by_id = {one.trial_id: one for one in played.records}
    inherited = [(one, by_id[one.inherited_from]) for one in searched if one.inherited_from]
    assert all(one.config.model.adapter == trained.config.model.adapter for one, trained in inherited)


def test_what_is_read_back_is_what_was_written(played: Played) -> None:
    folder, description = find_study(str(played.study.folder))
    assert description.asked == played.study.space
    assert told(Ledger(folder).read()) == told(played.records)
    assert changed(folder, description, ["search.max_concurrent=2"], trials=14).asked.vary == description.asked.vary
    begun = History(folder, description).begun()
    known = {one.number: one.sample for one in played.records}
    assert [one.sample for one in begun if one.number and one.finalist_of is None] == [
        known[one.number] for one in begun if one.number and one.finalist_of is None
    ]


def test_the_dashboard_shows_of_each_trial_the_keys_that_it_has(played: Played) -> None:
    Projection(played.study.history, played.study.folder).close()
    database = f"sqlite:///{played.study.folder / 'optuna.db'}"
    shown = optuna.load_study(study_name=None, storage=database).trials
    assert len(shown) == len(played.records)
    kinds = [one.params[KIND] for one in shown]
    assert set(kinds) == {None, "lora"}
    assert all((RANK in one.params) == (one.params[KIND] == "lora") for one in shown)
    assert shown[-1].distributions[RATE] == optuna.distributions.FloatDistribution(1e-5, 1e-3)


def test_the_best_runs_as_it_is(played: Played) -> None:
    best = load_study(played.study.folder).best
    assert best is not None
    assert load_baseline(str(played.study.folder / "best.yaml")).model.adapter == best.config.model.adapter


def test_the_report_says_what_each_trial_trained(played: Played) -> None:
    shares = write_importance(played.study.folder)
    assert RANK not in shares  # no share can be told of what is not there in some
    write_report(played.study.folder)
    text = (played.study.folder / "report.md").read_text()
    assert "| trained |" in text
    assert "| full |" in text
    assert "lora 8, attention" in text or "lora 4, attention" in text or "lora 2, attention" in text
    assert "Values and WER" in (played.study.folder / "report.html").read_text()


def test_trackers_have_nothing_where_a_key_is_not_there(played: Played) -> None:
    rows = trial_rows(load_study(played.study.folder))
    assert all((row[RANK] is None) == (row[KIND] is None) for row in rows)


def test_a_later_study_learns_from_the_branches_that_it_draws(played: Played) -> None:
    asked = {"baseline": played.study.baseline, "data_sha256": None}
    (both,) = borrow([played.study.folder], space=played.study.space, **asked)  # type: ignore[arg-type]
    assert {one.others[KIND] for one in both.trials} == {None, "lora"}
    assert all((RANK in one.others) == (one.others[KIND] == "lora") for one in both.trials)
    rates = played.study.space.model_copy(update={"vary": {RATE: played.study.space.vary[RATE].full}})  # type: ignore[union-attr]
    (full,) = borrow([played.study.folder], space=rates, **asked)  # type: ignore[arg-type]
    assert 0 < len(full.trials) < len(both.trials)
    assert {frozenset(one.others) for one in full.trials} == {frozenset({RATE})}
    assert max(one.others[RATE] for one in full.trials) <= 1e-4  # type: ignore[type-var]


class LargeUnlessAdapted(Footprint):
    """As if all weights were those of large-v3."""

    def __init__(self) -> None:
        pass

    def predict(self, config: Baseline) -> PredictedPeak:
        large = config.model.model_copy(update={"variant": "large-v3"})
        return predict(config if config.model.adapter else config.model_copy(update={"model": large}))


def test_a_trial_is_admitted_by_what_is_predicted_of_its_own_branch(played: Played, tmp_path: Path) -> None:
    study = replace(played.study, folder=tmp_path)
    study.runs.mkdir(parents=True)
    admission = Admission(LargeUnlessAdapted(), card_gib=None, limit_gib=8.0)
    proposals = Proposals(study, Spending(study))
    proposals.refuse_hopeless(admission)
    share = Share(use_gpu=False, gpu_fraction=1.0, cpus=1, threads=1)
    with study.history.held():
        trials = [proposals.next(share, admission) for _ in range(6)]
    assert [isinstance(one, Trial) and one.config.model.adapter is not None for one in trials] == [False] + [True] * 5
    assert admission.refusal(study.baseline) is not None
