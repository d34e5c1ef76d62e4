"""One search: what was asked, a folder and the inputs in; trials run by Ray Tune and proposed by Optuna; records out.

The folder is all there is to a study: `study.json` says what was asked, `optuna.db` what was started, `trials.jsonl`
what ended. Tune's own snapshots are up to 10 s old and are never read: a study goes on from these three.
"""

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.derived import derived
from raytrain.config.reader import apply_sample
from raytrain.config.space import Scheduler, SearchSpace
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import TrialRecord
from raytrain.study.axes import Axes, Sample
from raytrain.study.equivalents import equivalent, probe_of
from raytrain.study.finalists import Repeat, missing_repeats
from raytrain.study.interrupt import stopping_gracefully
from raytrain.study.journal import Journal, objective_of, violation_gib
from raytrain.study.resolve import resolve, rungs
from raytrain.study.sampler import propose
from raytrain.tracking.run import TrackedRun, open_run
from raytrain.tracking.study_sweep import sweep_of
from raytrain.trial import cluster
from raytrain.trial.footprint import Footprint
from raytrain.trial.inputs import Inputs
from raytrain.trial.job import Job, Share

log = logging.getLogger("raytrain")
_DRIVER_RESTARTS = 2


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is searched, where, and with which inputs."""

    folder: Path
    """Absolute."""
    description: Description
    inputs: Inputs
    whereabouts: dict[str, Any]
    """Of the inputs, for the workers."""

    @property
    def baseline(self) -> Baseline:
        return Baseline.model_validate(self.description.baseline)

    @property
    def space(self) -> SearchSpace:
        return SearchSpace.model_validate(self.description.space)

    @property
    def budget_examples(self) -> int:
        """The most one trial may train: what the space says, at most the baseline's own length."""
        own: int = derived(self.baseline, len(self.inputs.split.train))["examples"]
        return min(own, self.space.budget.examples or own)


def run_study(
    study: Study, *, address: str | None = None, on_end: Callable[[TrialRecord], None]
) -> tuple[list[TrialRecord], bool]:
    """Run what the study still lacks. The records of all its trials, and whether somebody stopped it."""
    ledger = Ledger(study.folder)
    with ledger.held():
        study.description.write(study.folder)
        journal = Journal(study.folder, Axes(study.space, study.baseline))
        proposals = _Proposals(study, ledger.read(), journal)
        if not proposals.remaining and not _Repeats(study, ledger.read(), journal).remaining:
            return ledger.read(), False
        with stopping_gracefully() as asked_to_stop, cluster.connected(address) as hardware:
            if proposals.remaining and not asked_to_stop.is_set():
                _tune(study, hardware, ledger, journal, proposals, asked_to_stop, on_end)
            # Only now is it known which trials are the best.
            repeats = _Repeats(study, ledger.read(), journal)
            if repeats.remaining and not asked_to_stop.is_set():
                _tune(study, hardware, ledger, journal, repeats, asked_to_stop, on_end)
        _tidy(study.folder, ledger.read())
        return ledger.read(), asked_to_stop.is_set()


def _tune(
    study: Study,
    hardware: cluster.Hardware,
    ledger: Ledger,
    journal: Journal,
    proposals: "_Proposals | _Repeats",
    asked_to_stop: threading.Event,
    on_end: Callable[[TrialRecord], None],
) -> None:
    from ray import tune  # by now the environment is set that Ray reads as it is imported

    from raytrain.study.recorder import Recorder
    from raytrain.study.scheduler import make_scheduler
    from raytrain.study.searcher import StudySearcher
    from raytrain.trial.driver import drive_trial

    share, at_once = Share.of(study.baseline, hardware, max_concurrent=study.space.search.max_concurrent)
    recorder = Recorder(
        study.folder,
        ledger=ledger,
        journal=journal,
        memory_limit_gib=study.description.memory_limit_gib,
        open_tracked=lambda number, config: _tracked(study, number, config),
        on_end=on_end,
        asked_to_stop=asked_to_stop,
    )
    # Tune's files serve nobody afterwards.
    shutil.rmtree(study.folder / "ray" / "tune", ignore_errors=True)
    try:
        tune.Tuner(
            # Pinned to the head node and all but free: GPUs and CPUs are for its workers.
            tune.with_resources(drive_trial, {"node:__internal_head__": 0.001}),
            tune_config=tune.TuneConfig(
                metric="objective",
                mode="min",
                search_alg=StudySearcher(lambda: proposals.next(share)),
                scheduler=make_scheduler(proposals.scheduler, journal.reports()),
                num_samples=proposals.remaining,
                max_concurrent_trials=at_once,
                trial_dirname_creator=_folder_of,
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(study.folder / "ray"),
                callbacks=[recorder],
                failure_config=tune.FailureConfig(max_failures=_DRIVER_RESTARTS),
                verbose=0,
            ),
        ).fit()
    finally:
        recorder.close()


def _tidy(folder: Path, records: Sequence[TrialRecord]) -> None:
    """Free what ended trials no longer need: gigabytes each. Once no process of theirs can still write there."""
    for record in records:
        run = folder / "ray" / record.trial_id
        if record.checkpoint is None:
            shutil.rmtree(run, ignore_errors=True)
        else:
            (folder / record.checkpoint / "training_state.pt").unlink(missing_ok=True)


def trial_name(number: int) -> str:
    """A trial's id in the ledger, and its run's name in Ray's storage: the same after every restart."""
    return f"trial-{number:04}"


def _folder_of(trial: Any) -> str:
    return trial_name(trial.config["number"])


class _Proposals:
    """Which trial comes next: those a kill left unfinished, then the baseline, then the sampler's."""

    def __init__(self, study: Study, records: list[TrialRecord], journal: Journal) -> None:
        self._study, self._journal = study, journal
        self._axes = Axes(study.space, study.baseline)
        self._footprint = Footprint(study.inputs)
        limit = study.description.memory_limit_gib
        for record in records:  # a kill between the two files
            journal.end(record, objective=objective_of(record), violation=violation_gib(record, limit))
        self._unfinished = journal.unfinished()
        self.scheduler = study.space.scheduler
        searched = [record for record in records if record.finalist_of is None]
        self.remaining = max(0, study.space.search.trials - len(searched))

    def next(self, share: Share) -> dict[str, Any] | None:
        """A trial's configuration in Tune's terms; None when the space is exhausted."""
        if self._unfinished:
            number = min(self._unfinished)
            sample = self._unfinished.pop(number)
        else:
            number = len(self._journal)
            proposed = self._axes.baseline_sample if number == 0 else self._propose(number)
            if proposed is None:
                tried = len(self._journal.tried())
                log.info("every sample of the space has been tried; the search ends with %d trials", tried)
                return None
            sample = proposed
            self._journal.start(sample)
        config = self._study.baseline if number == 0 else resolve(self._study.baseline, self._study.space, sample)
        whole, trained = config, self._trained(config) if number else None
        budget = self._study.budget_examples
        if trained is not None:
            config, budget = probe_of(config, budget_examples=budget)
        job = Job(
            config=config.model_dump(),
            inputs=self._study.whereabouts,
            storage=str(self._study.folder / "ray"),
            name=trial_name(number),
            share=share,
            keep_best=None,
            evaluate_at_examples=rungs(self._study.space, budget_examples=budget) if trained is None else [],
            end_at_examples=budget,
            score_first=number == 0,
            predicted_memory_gib=self._footprint.predict(config).predicted_memory_gib,
        )
        asked = {"number": number, "sample": sample if number else {}, "job": job.as_dict()}
        if trained is not None:
            asked |= {"inherits": trained.trial_id, "config": whole.model_dump()}
        return asked

    def _trained(self, config: Baseline) -> TrialRecord | None:
        """The trial that has trained this already, split otherwise."""
        if not self._study.space.search.reuse_equivalent:
            return None
        return equivalent(config, Ledger(self._study.folder).read())

    def _propose(self, number: int) -> Sample | None:
        return propose(self._axes, self._journal.tried(), search=self._study.space.search, number=number)


class _Repeats:
    """Which finalist is trained again next: those a kill left unfinished, then those that are missing."""

    scheduler = Scheduler(name="none")
    """Each to its end: one that was stopped could not be compared."""

    def __init__(self, study: Study, records: list[TrialRecord], journal: Journal) -> None:
        self._study, self._journal = study, journal
        by_id = {record.trial_id: record for record in records}
        begun = journal.unfinished_again()
        self._unfinished = {
            number: Repeat(finalist=by_id[trial_id], seed=seed) for number, (trial_id, seed) in begun.items()
        }
        missing = missing_repeats(
            records, search=study.space.search, memory_limit_gib=study.description.memory_limit_gib
        )
        self._missing = [one for one in missing if (one.finalist.trial_id, one.seed) not in begun.values()]
        self.remaining = len(self._unfinished) + len(self._missing)

    def next(self, share: Share) -> dict[str, Any] | None:
        """A training's configuration in Tune's terms; None when there is none left."""
        if self._unfinished:
            number = min(self._unfinished)
            repeat = self._unfinished.pop(number)
        elif self._missing:
            repeat = self._missing.pop(0)
            number = self._journal.start_again(repeat.finalist, seed=repeat.seed)
        else:
            return None
        job = Job(
            config=apply_sample(
                Baseline.model_validate(repeat.finalist.config), {"training.seed": repeat.seed}
            ).model_dump(),
            inputs=self._study.whereabouts,
            storage=str(self._study.folder / "ray"),
            name=trial_name(number),
            share=share,
            keep_best=None,
            evaluate_at_examples=rungs(self._study.space, budget_examples=self._study.budget_examples),
            end_at_examples=self._study.budget_examples,
            score_first=False,
            predicted_memory_gib=repeat.finalist.predicted_memory_gib,
        )
        sample, finalist_of = repeat.finalist.sample, repeat.finalist.trial_id
        return {"number": number, "sample": sample, "job": job.as_dict(), "finalist_of": finalist_of}


def _tracked(study: Study, number: int, config: dict[str, Any]) -> TrackedRun:
    name = study.folder.name
    return open_run(
        study.baseline.tracking,
        run_id=f"{name}-{trial_name(number)}",
        name=trial_name(number),
        group=name,
        job_type="trial",
        tags=["baseline"] if number == 0 else [],
        config=config,
        folder=study.folder,
        sweep_id=sweep_of(study.folder),
    )
