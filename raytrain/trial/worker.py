"""What each worker of a run does: a Job in; its training's rows and checkpoints to Ray Train.

Nothing here imports torch: whoever hands the function to Ray imports this module, too, and a worker whose training is
forked has no use for it.
"""

import atexit
import logging
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ray.train
from ray.util.queue import Queue

from raytrain.results.records import Row
from raytrain.trial.forked import trained_in_a_fork
from raytrain.trial.job import Job
from raytrain.trial.notice import Notice
from raytrain.trial.remote_runs import RemoteRuns
from raytrain.trial.storage import NEVER_THE_BEST


def train_worker(payload: dict[str, Any]) -> None:
    """Run on every rank by Ray Train. `payload` holds the job and, where somebody watches, a queue for words."""
    job: Job = payload["job"]
    messages: Queue | None = payload["messages"]
    first = ray.train.get_context().get_world_rank() == 0
    if first and messages is not None:
        _send_words(messages)
    latest = ray.train.get_checkpoint()
    resume_from = None if latest is None else _here(job, Path(latest.path))
    report = partial(_report, job, messages, first=first)
    if job.nursery is not None and trained_in_a_fork(job, job.nursery, report=report, resume_from=resume_from):
        return
    from raytrain.trial.training import train_here

    train_here(
        job,
        report=report,
        first=first,
        resume_from=resume_from,
        set_device=_card_of(job),
        is_leaving=Notice() if first and job.may_move else None,
    )


def _here(job: Job, checkpoint: Path) -> Path:
    """The folder of a checkpoint, brought here if it is on S3; the folder ends with the process."""
    if job.remote is None:
        return checkpoint
    scratch = Path(tempfile.mkdtemp(prefix="raytrain-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    return RemoteRuns(job.remote).bring(f"{job.name}/{checkpoint.name}", scratch / checkpoint.name)


def _report(job: Job, messages: Queue | None, row: Row, checkpoint: Path | None, *, first: bool) -> None:
    row = replace(row, node=socket.gethostname())
    kept = ray.train.Checkpoint.from_directory(checkpoint) if first and checkpoint is not None else None
    sent = {"checkpoint_upload_fn": partial(_sent, job)} if kept is not None and job.remote is not None else {}
    metrics = row.as_dict()
    if job.keep_best is not None and row.eval_wer is None:
        metrics["eval_wer"] = NEVER_THE_BEST
    name = checkpoint.name if checkpoint is not None else None
    ray.train.report(metrics, checkpoint=kept, checkpoint_dir_name=name, **sent)
    if first and messages is not None:
        messages.put(row)


def _sent(job: Job, checkpoint: ray.train.Checkpoint, name: str) -> ray.train.Checkpoint:
    """The checkpoint as it is on S3."""
    RemoteRuns(job.remote or "").send(f"{job.name}/{name}", Path(checkpoint.path))
    storage = ray.train.get_context().get_storage()
    at = storage.build_checkpoint_path_from_name(name)
    return ray.train.Checkpoint(path=at, filesystem=storage.storage_filesystem)


def _card_of(job: Job) -> Callable[[], None] | None:
    """Ray sets the card for the thread that it calls us in alone."""
    if not job.share.use_gpu:
        return None
    import torch
    from ray.train.torch import get_device

    return lambda: torch.cuda.set_device(get_device())


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
