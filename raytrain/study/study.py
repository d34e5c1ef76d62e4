"""One search: a baseline, a space and a folder in; trials run by Ray Tune and proposed by Optuna; their records out.

The folder is all there is to a study: `study.json` says what was asked, `optuna.db` what was started, `trials.jsonl`
what ended. Tune's own snapshots are up to 10 s old and are never read: a study goes on from these three.
"""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.space import SearchSpace
from raytrain.results.ledger import Ledger
from raytrain.results.records import TrialRecord
from raytrain.study.axes import Axes, Sample
from raytrain.study.journal import Journal, objective_of
from raytrain.study.recorder import Recorder, trial_name, violation_gib
from raytrain.study.resolve import resolve, rungs
from raytrain.study.sampler import propose
from raytrain.tracking.run import TrackedRun, open_run
from raytrain.trial.cluster import Hardware
from raytrain.trial.job import Job, Share

log = logging.getLogger("raytrain")
_DRIVER_RESTARTS = 2


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is searched, where, and with which inputs."""

    folder: Path
    """Absolute."""
    baseline: Baseline
    space: SearchSpace
    inputs: dict[str, Any]
    """Whereabouts of the corpora, from trial.inputs."""
    budget_examples: int


def run_study(
    study: Study, *, hardware: Hardware, on_end: Callable[[TrialRecord], None]
) -> tuple[list[TrialRecord], bool]:
    """Run what the study still lacks. The records of all its trials, and whether it was interrupted."""
    from ray import tune  # by now the cluster is up, with its environment set

    from raytrain.study.interrupt import stopping_gracefully
    from raytrain.study.scheduler import make_scheduler
    from raytrain.study.searcher import StudySearcher
    from raytrain.trial.driver import drive_trial

    ledger = Ledger(study.folder)
    with ledger.held():
        journal = Journal(study.folder, Axes(study.space, study.baseline))
        proposals = _Proposals(study, ledger.read(), journal)
        share, at_once = Share.of(study.baseline, hardware, max_concurrent=study.space.search.max_concurrent)
        recorder = Recorder(
            study.folder,
            ledger=ledger,
            journal=journal,
            memory_limit_gib=study.space.search.memory_limit_gib,
            open_tracked=lambda number, config: _tracked(study, number, config),
            on_end=on_end,
        )
        interrupted = False
        if proposals.remaining:
            # Tune's files serve nobody afterwards.
            shutil.rmtree(study.folder / "ray" / "tune", ignore_errors=True)
            with stopping_gracefully() as asked_to_stop:
                tune.Tuner(
                    # Pinned to the head node and all but free: the GPUs and CPUs are its workers'.
                    tune.with_resources(drive_trial, {"node:__internal_head__": 0.001}),
                    tune_config=tune.TuneConfig(
                        metric="objective",
                        mode="min",
                        search_alg=StudySearcher(lambda: proposals.next(share)),
                        scheduler=make_scheduler(study.space.scheduler, journal.reports()),
                        num_samples=proposals.remaining,
                        max_concurrent_trials=at_once,
                        trial_dirname_creator=lambda trial: trial_name(trial.config["number"]),
                    ),
                    run_config=tune.RunConfig(
                        name="tune",
                        storage_path=str(study.folder / "ray"),
                        callbacks=[recorder],
                        failure_config=tune.FailureConfig(max_failures=_DRIVER_RESTARTS),
                        verbose=0,
                    ),
                ).fit()
                interrupted = asked_to_stop.is_set()
            recorder.interrupt()
        return ledger.read(), interrupted


class _Proposals:
    """Which trial comes next: those a kill left unfinished, then the baseline, then the sampler's."""

    def __init__(self, study: Study, records: list[TrialRecord], journal: Journal) -> None:
        self._study, self._journal = study, journal
        self._axes = Axes(study.space, study.baseline)
        limit = study.space.search.memory_limit_gib
        for record in records:  # a kill between the two files
            journal.end(record, objective=objective_of(record), violation=violation_gib(record, limit))
        self._unfinished = journal.unfinished()
        self.remaining = max(0, study.space.search.trials - len(records))

    def next(self, share: Share) -> dict[str, Any] | None:
        """A trial's configuration in Tune's terms; None when the space is exhausted."""
        if self._unfinished:
            number = min(self._unfinished)
            sample = self._unfinished.pop(number)
        else:
            number = len(self._journal)
            proposed = self._axes.baseline_sample if number == 0 else self._propose(number)
            if proposed is None:
                log.info("every sample of the space has been tried; the study ends with %d trials", number)
                return None
            sample = proposed
            self._journal.start(sample)
        config = self._study.baseline if number == 0 else resolve(self._study.baseline, self._study.space, sample)
        job = Job(
            config=config.model_dump(),
            inputs=self._study.inputs,
            storage=str(self._study.folder / "ray"),
            name=trial_name(number),
            share=share,
            keep_checkpoints=1,
            evaluate_at_examples=rungs(self._study.space, budget_examples=self._study.budget_examples),
            end_at_examples=self._study.budget_examples,
            score_first=number == 0,
        )
        return {"number": number, "sample": sample if number else {}, "job": job.as_dict()}

    def _propose(self, number: int) -> Sample | None:
        return propose(self._axes, self._journal.tried(), search=self._study.space.search, number=number)


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
    )
