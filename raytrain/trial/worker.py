"""What each worker of a run does: a Job in; training.session on this rank; its rows and checkpoints to Ray Train."""

import logging
import os
import socket
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import ray.train
import ray.train.torch
import torch
from ray.util.queue import Queue

from raytrain.config.baseline import Baseline
from raytrain.config.constants import GIB
from raytrain.memory.prediction import allocator_share
from raytrain.results.records import Row
from raytrain.training.session import Session, Watch
from raytrain.trial.inputs import Inputs
from raytrain.trial.job import Job
from raytrain.trial.pulse import Pulse, watched
from raytrain.trial.run_progress import STOPPED, ProgressFile
from raytrain.trial.stop_request import StopLooked
from raytrain.trial.storage import NEVER_THE_BEST, latest_checkpoint


def train_worker(payload: dict[str, Any]) -> None:
    """Run on every rank by TorchTrainer. `payload` holds the job and, where somebody watches, a queue for words."""
    job: Job = payload["job"]
    run = Path(job.storage) / job.name
    pulse = Pulse()
    progress = ProgressFile(run) if ray.train.get_context().get_world_rank() == 0 else None

    def alive(phase: str, examples_seen: int, examples_total: int) -> None:
        pulse.beat(phase, examples_seen, examples_total)
        if progress is not None:
            progress.tell(phase, examples_seen, examples_total)

    ended, saved = watched(partial(_train, job, payload["messages"], alive), pulse)
    if not ended:
        _wait_to_be_stopped(run, progress, saved=saved)


def _train(job: Job, messages: Queue | None, alive: Watch) -> tuple[bool, Path | None]:
    """Whether the session came to its end, and the last checkpoint that it left."""
    run, config = Path(job.storage) / job.name, job.config
    first = ray.train.get_context().get_world_rank() == 0
    # A cluster may promise more CPUs than this machine has.
    torch.set_num_threads(min(job.share.threads, len(os.sched_getaffinity(0))))
    if job.share.use_gpu and torch.cuda.is_available():
        torch.cuda.set_device(ray.train.torch.get_device())  # Ray sets it for the thread that it calls us in alone
    _keep_to_the_share(config, job)
    if first and messages is not None:
        _send_words(messages)
    if first and job.share.use_gpu and not torch.cuda.is_available():
        logging.getLogger("raytrain").info("Ray gave this worker a GPU, but torch finds none: training on the CPU")

    alive("loading", 0, 0)
    saved: Path | None = None
    inputs = Inputs.opened(job.whereabouts)
    with tempfile.TemporaryDirectory(prefix="raytrain-") as workdir:

        def report(row: Row, checkpoint: Path | None) -> None:
            nonlocal saved
            row = replace(row, node=socket.gethostname())
            kept = ray.train.Checkpoint.from_directory(checkpoint) if first and checkpoint is not None else None
            name = checkpoint.name if checkpoint is not None else None
            metrics = row.as_dict()
            if job.keep_best is not None and row.eval_wer is None:
                metrics["eval_wer"] = NEVER_THE_BEST
            ray.train.report(metrics, checkpoint=kept, checkpoint_dir_name=name)
            saved = run / name if name is not None else saved
            if first and messages is not None:
                messages.put(row)

        latest = ray.train.get_checkpoint()
        ended = Session(
            config,
            corpus=inputs.corpus,
            validation_corpus=inputs.validation_corpus,
            split=inputs.split,
            report=report,
            workdir=Path(workdir),
            resume_from=Path(latest.to_directory(Path(workdir) / "resumed")) if latest is not None else None,
            evaluate_at_examples=job.evaluate_at_examples,
            end_at_examples=job.end_at_examples,
            score_first=job.score_first,
            predicted_memory_gib=job.predicted_memory_gib,
            scored_seed=job.whereabouts.split.seed,  # trainings with other seeds are compared on the same utterances
            watch=alive,
            is_asked_to_stop=StopLooked(Path(job.storage)),
        ).run()
    return ended, saved


def _wait_to_be_stopped(run: Path, progress: ProgressFile | None, *, saved: Path | None) -> NoReturn:
    """To return would be to say that the run is over."""
    while progress is not None and saved is not None and latest_checkpoint(run) != saved:  # Ray has yet to note it
        time.sleep(0.05)
    if progress is not None:
        progress.tell(STOPPED, 0, 0)
    while True:
        time.sleep(1)


def _keep_to_the_share(config: Baseline, job: Job) -> None:
    """Ray divides cards but caps no memory: the allocator must, before the first tensor."""
    if not (job.share.use_gpu and torch.cuda.is_available()):
        return
    share = allocator_share(
        card_gib=torch.cuda.get_device_properties(0).total_memory / GIB,
        gpu_fraction=job.share.gpu_fraction,
        cap_gib=config.scaling.gpu_memory_gib,
    )
    if share is not None:
        torch.cuda.set_per_process_memory_fraction(share)


def _send_words(messages: Queue) -> None:
    logger = logging.getLogger("raytrain")
    logger.setLevel(logging.INFO)
    logger.addHandler(_ToDriver(messages))


class _ToDriver(logging.Handler):
    """Our own lines, which Ray would leave in its files, on their way to the person's terminal."""

    def __init__(self, messages: Queue) -> None:
        super().__init__()
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.put(self.format(record))
