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
from raytrain.errors import InputError
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.study.admission import Admission
from raytrain.study.axes import Axes, Sample
from raytrain.study.equivalents import equivalent, probe_of
from raytrain.study.finalists import Repeat, missing_repeats
from raytrain.study.interrupt import stopping_gracefully
from raytrain.study.journal import Journal, objective_of, violation_gib
from raytrain.study.packing import Room
from raytrain.study.resolve import resolve, rungs
from raytrain.study.sampler import propose
from raytrain.tracking.run import TrackedRun, open_run
from raytrain.tracking.study_sweep import sweep_of
from raytrain.trial import cluster
from raytrain.trial.inputs import Inputs
from raytrain.trial.job import Job, Share

log = logging.getLogger("raytrain")
_DRIVER_RESTARTS = 2
_LEAST_FRACTION = 0.01
"""Of a GPU, where a trial's share follows from its memory: Room then tells how many run at once."""


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

    alone = study.baseline.scaling.num_workers == 1
    share, at_once = Share.of(
        study.baseline,
        hardware,
        max_concurrent=study.space.search.max_concurrent,
        gpu_fraction=_LEAST_FRACTION if alone else 1.0,
    )
    admission = Admission.of(
        study.baseline, study.inputs, hardware, share, limit_gib=study.description.memory_limit_gib
    )
    proposals.refuse_hopeless(admission)
    room = Room(hardware)

    def ended(record: TrialRecord) -> None:
        room.give_back(record.number)
        on_end(record)

    recorder = Recorder(
        study.folder,
        ledger=ledger,
        journal=journal,
        memory_limit_gib=study.description.memory_limit_gib,
        open_tracked=lambda number, config: _tracked(study, number, config),
        on_end=ended,
        asked_to_stop=asked_to_stop,
    )

    def next_trial() -> dict[str, Any] | None:
        admission.learn(ledger.read())
        while (trial := proposals.next(share, admission)) is not None:
            reason = admission.refusal(Baseline.model_validate(trial["job"]["config"]))
            if reason is None:
                return trial
            recorder.refuse(trial, reason=reason)
        return None

    # Tune's files serve nobody afterwards.
    shutil.rmtree(study.folder / "ray" / "tune", ignore_errors=True)
    try:
        tune.Tuner(
            # Pinned to the head node and all but free: GPUs and CPUs are for its workers.
            tune.with_resources(drive_trial, {"node:__internal_head__": 0.001}),
            tune_config=tune.TuneConfig(
                metric="objective",
                mode="min",
                search_alg=StudySearcher(next_trial, has_room=room.take_for),
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
        limit = study.description.memory_limit_gib
        for record in records:  # a kill between the two files
            journal.end(record, objective=objective_of(record), violation=violation_gib(record, limit))
        self._unfinished = journal.unfinished()
        self.scheduler = study.space.scheduler
        launched = [record for record in records if record.outcome is not Outcome.NOT_STARTED]
        searched = [record for record in launched if record.finalist_of is None]
        self._launched = bool(launched)
        self._refusals_left = study.space.search.trials
        """A space of real numbers holds samples that do not fit without end."""
        self.remaining = max(0, study.space.search.trials - len(searched))

    def refuse_hopeless(self, admission: Admission) -> None:
        """A search whose every sample is predicted not to fit is a mistake in the question."""
        reason = admission.refusal(self._study.baseline)
        if reason is None or self._launched:
            return
        if self._proposed(0, fits=lambda sample: admission.refusal(self._resolved(sample)) is None) is None:
            raise InputError(
                f"the baseline does not fit ({reason}), nor does any sample of the space; "
                "see `python -m raytrain.plan --gpu-memory GIB` for what to change"
            )

    def next(self, share: Share, admission: Admission) -> dict[str, Any] | None:
        """A trial's configuration in Tune's terms; None when the space is exhausted."""
        if self._unfinished:
            number = min(self._unfinished)
            sample = self._unfinished.pop(number)
        else:
            number = len(self._journal)
            proposed = self._axes.baseline_sample if number == 0 else self._propose(number, admission)
            if proposed is None:
                tried = len(self._journal.tried())
                log.info("every sample of the space has been tried; the search ends with %d trials", tried)
                return None
            sample = proposed
            self._journal.start(sample)
        config = self._study.baseline if number == 0 else self._resolved(sample)
        whole, trained = config, self._trained(config) if number else None
        budget = self._study.budget_examples
        if trained is not None:
            config, budget = probe_of(config, budget_examples=budget)
        job = Job(
            config=config.model_dump(),
            inputs=self._study.whereabouts,
            storage=str(self._study.folder / "ray"),
            name=trial_name(number),
            share=admission.share(config, share),
            keep_best=None,
            evaluate_at_examples=rungs(self._study.space, budget_examples=budget) if trained is None else [],
            end_at_examples=budget,
            score_first=number == 0,
            predicted_memory_gib=admission.predicted_gib(config),
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

    def _propose(self, number: int, admission: Admission) -> Sample | None:
        """Among what will fit; when all of that was tried, what may fit or does not, so that the ledger tells it."""
        sample = self._proposed(number, fits=lambda one: admission.will_fit(self._resolved(one)))
        if sample is not None or not admission.refuses or not self._refusals_left:
            return sample
        self._refusals_left -= 1
        return self._proposed(number)

    def _proposed(self, number: int, *, fits: Callable[[Sample], bool] | None = None) -> Sample | None:
        search = self._study.space.search
        return propose(self._axes, self._journal.tried(), search=search, number=number, fits=fits)

    def _resolved(self, sample: Sample) -> Baseline:
        return resolve(self._study.baseline, self._study.space, sample)


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

    def refuse_hopeless(self, admission: Admission) -> None:
        """What is trained again has fitted before."""

    def next(self, share: Share, admission: Admission) -> dict[str, Any] | None:
        """A training's configuration in Tune's terms; None when there is none left."""
        if self._unfinished:
            number = min(self._unfinished)
            repeat = self._unfinished.pop(number)
        elif self._missing:
            repeat = self._missing.pop(0)
            number = self._journal.start_again(repeat.finalist, seed=repeat.seed)
        else:
            return None
        config = apply_sample(Baseline.model_validate(repeat.finalist.config), {"training.seed": repeat.seed})
        job = Job(
            config=config.model_dump(),
            inputs=self._study.whereabouts,
            storage=str(self._study.folder / "ray"),
            name=trial_name(number),
            share=admission.share(config, share),
            keep_best=None,
            evaluate_at_examples=rungs(self._study.space, budget_examples=self._study.budget_examples),
            end_at_examples=self._study.budget_examples,
            score_first=False,
            predicted_memory_gib=repeat.finalist.predicted_memory_gib,
        )
        sample, finalist_of = repeat.finalist.sample, repeat.finalist.trial_id
        return {"number": number, "sample": sample, "job": job.as_dict(), "finalist_of": finalist_of}


def _tracked(study: Study, number: int, config: dict[str, Any]) -> TrackedRun:
    name, training = study.folder.name, config["training"]
    split = f"{training['batch_size']}x{training['gradient_accumulation_steps']}"
    return open_run(
        study.baseline.tracking,
        run_id=f"{name}-{trial_name(number)}",
        name=f"{trial_name(number)} {split} lr {training['learning_rate']:.2g}",
        group=name,
        job_type="trial",
        tags=[config["model"]["variant"], study.description.space_name or "", "baseline" if number == 0 else ""],
        config=config,
        folder=study.folder,
        sweep_id=sweep_of(study.folder),
    )
