"""One search: a Study in; its trials run by Ray Tune, one after the other as proposed; their records out."""

import shutil
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from raytrain.config.branches import branch_of, branches_drawn
from raytrain.memory.admission import Admission, as_capped
from raytrain.memory.footprint import Footprint
from raytrain.results.provenance import gpus
from raytrain.results.records import TrialRecord
from raytrain.stopping import patiently
from raytrain.study.packing import Room
from raytrain.study.projection import Projection
from raytrain.study.proposals import Proposals, Repeats
from raytrain.study.provision import bring_best, mirrored, stocked, trains_alone
from raytrain.study.spending import Later, Spending
from raytrain.study.study import Study
from raytrain.study.tidy import let_go, tidy
from raytrain.study.watcher import Lines, Machine, Watcher
from raytrain.tracking.background import Background, LaterRun
from raytrain.tracking.content import trial_run
from raytrain.tracking.study_sweep import sweep_of
from raytrain.tracking.tracked_run import TrackedRun, open_run
from raytrain.trial import cluster
from raytrain.trial.hardware import Hardware, Machines, this_node
from raytrain.trial.job import Share, Trial
from raytrain.trial.mirror import Mirror
from raytrain.trial.nursery import nursery
from raytrain.trial.stop_request import RunsSavedError, StopRequest

Drive = Callable[[dict[str, Any]], None]
"""Runs the trial in Tune's configuration, in a process of Tune's."""
_DRIVER_RESTARTS = 5
"""What training raises ends its trial at once; what kills a driver is the machine, and the trial goes on."""
_FREED_WITHIN_S = 5.0
"""As long as the last trials' drivers take to end, at most."""
_LEAST_FRACTION = 0.01
"""Of a GPU, where a trial's share follows from its memory: Room then tells how many run at once."""


def run_study(
    study: Study,
    *,
    address: str | None = None,
    on_end: Callable[[TrialRecord], None],
    watcher: Watcher | None = None,
    rehearse: Drive | None = None,
) -> tuple[list[TrialRecord], bool]:
    """Run what the study still lacks. The records of all its trials, and whether somebody stopped it.

    `rehearse` drives a trial in place of Ray Train; all else is as it is: Tune, what is proposed, what is written.
    """
    with cluster.joined(address):
        return _run(stocked(study), on_end=on_end, watcher=watcher or Lines(), rehearse=rehearse)


def _run(
    study: Study, *, on_end: Callable[[TrialRecord], None], watcher: Watcher, rehearse: Drive | None
) -> tuple[list[TrialRecord], bool]:
    history = study.history
    with history.held():
        spending = Spending(study)
        proposals = Proposals(study, spending)
        study.inputs.write_listing(study.folder)
        study.description.write(study.folder)  # now that its files are known to be sound
        if not (proposals.can_begin or Repeats(study, spending).can_begin):
            Projection(history, study.folder).close()
            return history.records, False
        with mirrored(study) as mirror:
            with (
                spending.clock.running(),
                _nursery(study) as forks,
                # Ray's cleaner after several workers asks the dashboard; after one we clean up ourselves.
                cluster.connected(dashboard=not trains_alone(study)) as hardware,
                patiently() as asked_to_stop,
            ):
                tune = partial(
                    _tune, study, hardware,
                    asked_to_stop=asked_to_stop, on_end=on_end, watcher=watcher, forks=forks, spending=spending,
                    mirror=mirror, rehearse=rehearse,
                )  # fmt: skip
                goes_on = True
                while goes_on:
                    ended = len(history.records)
                    if proposals.can_begin and not asked_to_stop.is_set():
                        tune(proposals)
                    # Only now is it known which trials are the best.
                    repeats = Repeats(study, spending)
                    if repeats.can_begin and not asked_to_stop.is_set():
                        tune(repeats)
                    # What finalists left of a budget may buy further trials, and these a further finalist.
                    proposals = Proposals(study, spending)
                    goes_on = spending.has_left_over(since=ended) and not asked_to_stop.is_set()
            tidy(study, mirror)
            bring_best(study, mirror)
        return history.records, asked_to_stop.is_set()


def _tune(
    study: Study,
    hardware: Hardware,
    proposals: Proposals | Repeats,
    *,
    asked_to_stop: threading.Event,
    on_end: Callable[[TrialRecord], None],
    watcher: Watcher,
    forks: Path | None,
    spending: Spending,
    mirror: Mirror | None,
    rehearse: Drive | None,
) -> None:
    from ray import tune  # by now the environment is set that Ray reads as it is imported

    from raytrain.study.recorder import Recorder
    from raytrain.study.scheduler import make_scheduler
    from raytrain.study.searcher import StudySearcher
    from raytrain.study.tune_private import keep_drivers_whose_trial_has_ended, keep_secrets_out_of_logs
    from raytrain.trial.abandoned import free_abandoned, free_all_as_they_end
    from raytrain.trial.driver import drive_trial
    from raytrain.trial.mend import mend

    alone = study.baseline.scaling.num_workers == 1
    share, at_once = Share.of(
        study.baseline,
        hardware,
        max_concurrent=study.space.search.max_concurrent,
        gpu_fraction=_LEAST_FRACTION if alone else 1.0,
    )
    admission = _admission(study, hardware, use_gpu=share.use_gpu)
    proposals.refuse_hopeless(admission)
    room, machines = Room(hardware, part=admission.part), Machines()
    watcher.begins(
        Machine(
            cpus=hardware.cpus,
            card_gib=hardware.largest_card_gib,
            taken=room.taken,
            spending=spending,
            stops=lambda: asked_to_stop.is_set() or spending.is_over,
        )
    )

    def ended(record: TrialRecord) -> None:
        room.give_back(record.number)
        let_go(study, but=record, mirror=mirror)
        spending.ends(record)
        watcher.ends(record)
        on_end(record)
        spending.say_after(record)

    def place(trial: Trial) -> Trial | None:
        placed = room.place(trial)
        if placed is not None:
            # Before each start its driver sees to it, too; here a person reads what there is to say.
            if mirror is not None:
                mirror.mend(trial.trial_id)
            else:
                mend(study.runs / trial.trial_id, trial.config.model, may_begin_anew=True)
            spending.starts(placed)
        watcher.waits(None if placed is not None else trial.number)
        return None if placed is None else placed.forked_at(forks).moving(cluster.is_joined())

    def free() -> None:
        spending.clock.tick()
        cluster.require_ray()  # it answers at once where Ray has died, and whoever asks for groups would wait
        free_abandoned()
        if (changed := machines.changed()) is not None:
            room.follow(changed)

    stop, tracking = StopRequest(study.runs, asked_to_stop, in_time=lambda: spending.is_over), Background()
    recorder = Recorder(
        study,
        open_tracked=lambda trial: LaterRun(partial(_tracked, study, trial), background=tracking),
        on_end=ended,
        watcher=watcher,
        stop=stop,
        free=free,
        mirror=mirror,
    )

    def next_trial() -> Trial | Later | None:
        admission.learn(study.history.records)
        if asked_to_stop.is_set() or spending.is_over:
            return None
        while (trial := proposals.next(share, admission)) is not None:
            if isinstance(trial, Later):
                return trial
            spending.starts(trial)
            reason = admission.refusal(trial.job.config)
            if reason is None:
                return trial
            recorder.refuse(trial, reason=reason)
        return None

    keep_secrets_out_of_logs()
    if rehearse is None:  # in a rehearsal no run stands in the driver of a stopped trial
        keep_drivers_whose_trial_has_ended()
    # Tune's files serve nobody afterwards.
    shutil.rmtree(study.runs / "tune", ignore_errors=True)
    try:
        tuner = tune.Tuner(
            # Pinned to this machine, which sees the study's folder, and all but free: GPUs and CPUs are for workers.
            tune.with_resources(rehearse or drive_trial, {this_node(): 0.001}),
            tune_config=tune.TuneConfig(
                metric="objective",
                mode="min",
                search_alg=StudySearcher(next_trial, place=place),
                scheduler=make_scheduler(proposals.scheduler, study.history.objectives()),
                num_samples=proposals.remaining,
                max_concurrent_trials=at_once,
                reuse_actors=True,
                trial_dirname_creator=_folder_of,
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(study.runs),
                callbacks=[recorder],
                failure_config=tune.FailureConfig(max_failures=_DRIVER_RESTARTS),
                verbose=0,
            ),
        )
        with suppress(RunsSavedError):
            tuner.fit()
            if not stop.asked:
                free_all_as_they_end(within_s=_FREED_WITHIN_S)
    finally:
        stop.withdraw()
        recorder.close()
        tracking.close(hurried=asked_to_stop.is_set())


def _nursery(study: Study) -> AbstractContextManager[Path | None]:
    """On a cluster that others started trials are on other machines, and start as Ray Train starts them."""
    on_cards = study.baseline.scaling.use_gpu is not False and bool(gpus())
    if on_cards or cluster.is_joined() or not trains_alone(study):
        return nullcontext()
    return nursery(adapters="adapter" in {branch_of(study.baseline), *branches_drawn(study.space.vary, study.baseline)})


def _admission(study: Study, hardware: Hardware, *, use_gpu: bool) -> Admission:
    """On a CPU memory is another figure, which is not predicted: nothing is refused there."""
    footprint = Footprint(study.inputs.corpora)
    if not use_gpu:
        return Admission(footprint, card_gib=None, limit_gib=None)
    card_gib = as_capped(hardware.largest_card_gib, study.baseline)
    return Admission(footprint, card_gib=card_gib, limit_gib=study.description.memory_limit_gib)


def _folder_of(trial: Any) -> str:
    own: Trial = trial.config["trial"]
    return own.trial_id


def _tracked(study: Study, trial: Trial) -> TrackedRun:
    content = trial_run(
        study.folder.name,
        trial.trial_id,
        number=trial.number,
        config=trial.config,
        space_name=study.description.space_name,
    )
    return open_run(study.baseline.tracking, content, folder=study.folder, sweep_id=sweep_of(study.folder))
