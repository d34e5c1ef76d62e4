"""A study of many trials without Ray: its proposals, scheduler, recorder and files, one trial's word after the other.

What the driver of a study does for a trial by itself, that is, and how it grows with the trials before it, which may be
laid out as if they had ended. Tune's part and Ray's are left out.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.benchmarks.scale import RUNGS, SLOTS, Taken, counted_syncs, rehearsed_study, reported, sizes, wer_of
from raytrain.config.reader import apply_sample
from raytrain.files import AppendedLines
from raytrain.memory.admission import Admission
from raytrain.memory.footprint import Footprint
from raytrain.results.records import Outcome, TrialRecord, utc_now
from raytrain.search.axes import Sample
from raytrain.study.projection import Projection
from raytrain.study.proposals import Proposals
from raytrain.study.spending import Spending
from raytrain.study.study import Study, trial_name
from raytrain.study.watcher import Watcher
from raytrain.tracking.background import Background, LaterRun
from raytrain.tracking.tracked_run import TrackedRun
from raytrain.trial.job import Share, Trial


def measure_alone(trials: int, *, before: int = 0, folder: Path, slots: int = SLOTS) -> dict[str, Any]:
    """Figures of the driver's own work over so many trials, `slots` at once, and in each tenth of them; in a study in
    which so many have ended `before`, and which has its view of them."""
    study = rehearsed_study(folder, trials=before + trials, slots=slots)
    lay_out(study, before)
    Projection(study.history, folder).close()
    taken, began_s = Taken(trials), time.monotonic()
    taken.starts()
    with counted_syncs() as syncs:
        drive(study, slots=slots, on_end=taken.ends)
    seconds = time.monotonic() - began_s
    began_again_s = time.monotonic()
    again = Study(folder=folder, description=study.description, inputs=study.inputs)
    Proposals(again, Spending(again))
    Projection(again.history, folder).close()
    return {
        "before": before,
        "trials": trials,
        "slots": slots,
        "seconds": round(seconds, 1),
        **taken.told(),
        "read_again_s": round(time.monotonic() - began_again_s, 2),
        "syncs": syncs[0],
        "bytes": sizes(folder),
    }


def lay_out(study: Study, trials: int) -> None:
    """Write down a baseline and trials at random as if they had been trained to their end."""
    random = np.random.default_rng(0)
    samples = [study.history.axes.baseline_sample] + [
        {
            "training.learning_rate": float(10 ** random.uniform(-6, -3)),
            "model.dropout": float(random.uniform(0, 0.3)),
            "training.weight_decay": float(random.uniform(0, 0.1)),
        }
        for _ in range(trials - 1)
    ]
    events = AppendedLines(study.folder / "events.jsonl", parse=lambda values, place: values)
    events.extend(
        {"event": "started", "number": number, "at": utc_now(), "sample": sample}
        for number, sample in enumerate(samples[:trials])
    )
    ledger = AppendedLines(study.folder / "trials.jsonl", parse=lambda values, place: values)
    ledger.extend(_ended(study, number, sample).as_dict() for number, sample in enumerate(samples[:trials]))


def _ended(study: Study, number: int, sample: Sample) -> TrialRecord:
    config = apply_sample(study.baseline, sample, is_from_space=True)
    wer = wer_of(config, seen=100)
    return TrialRecord(
        trial_id=trial_name(number), number=number, sample=sample if number else {}, config=config,
        effective_batch_size=config.effective_batch_size(), outcome=Outcome.COMPLETED, eval_wer=wer, best_eval_wer=wer,
        examples_seen=100, seed=config.training.seed, started_at=utc_now(), ended_at=utc_now(), wall_s=60.0,
    )  # fmt: skip


def drive(study: Study, *, slots: int, on_end: Callable[[int], None] = lambda ended: None) -> None:
    """Run the study to its end: each of `slots` trials reports in turn, and one that ends makes room for the next."""
    from ray.tune.experiment import Trial as TuneTrial

    from raytrain.study.recorder import Recorder
    from raytrain.study.scheduler import make_scheduler
    from raytrain.study.searcher import StudySearcher
    from raytrain.trial.stop_request import StopRequest

    spending, background = Spending(study), Background()
    proposals = Proposals(study, spending)
    admission = Admission(Footprint(study.inputs.corpora), card_gib=None, limit_gib=None)
    share = Share(use_gpu=False, gpu_fraction=1.0, cpus=1.0, threads=1)

    def next_trial() -> Any:
        admission.learn(study.history.records)
        return proposals.next(share, admission) if len(started) < wanted else None

    searcher = StudySearcher(next_trial, place=lambda trial: trial)
    scheduler = make_scheduler(proposals.scheduler, study.history.objectives())
    ended: list[int] = []
    recorder = Recorder(
        study,
        open_tracked=lambda trial: LaterRun(
            lambda: TrackedRun([], position=study.folder / "none"), background=background
        ),
        on_end=lambda record: ended.append(record.number),
        watcher=Watcher(),
        stop=StopRequest(study.runs, threading.Event()),
        free=lambda: None,
    )
    started: list[TuneTrial] = []
    wanted = proposals.remaining
    running: deque[tuple[TuneTrial, int]] = deque()

    def starts() -> None:
        found = searcher.suggest(f"{len(started)}")
        if isinstance(found, dict):
            started.append(TuneTrial("drive_trial", stub=True, config=found))
            recorder.on_trial_start(0, [], started[-1])
            running.append((started[-1], 1))

    with study.history.held():
        for _ in range(slots):
            starts()
        while running:
            tuned, rung = running.popleft()
            own: Trial = tuned.config["trial"]
            row = reported(own, rung)
            recorder.on_trial_result(0, [], tuned, row)
            if scheduler.on_trial_result(None, tuned, row) == "STOP" or rung == RUNGS:
                recorder.on_trial_complete(0, [], tuned)
                recorder.on_step_end(0, [])
                on_end(len(ended))
                starts()
            else:
                recorder.on_step_end(0, [])
                running.append((tuned, rung + 1))
        recorder.close()
        background.close()
