"""A rank's training, in whatever process it is: a Job in; training.session run to its end, its rows handed on, out.

It knows no Ray: where rows and checkpoints go is the caller's affair.
"""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import torch

from raytrain.config.baseline import Baseline
from raytrain.config.constants import GIB
from raytrain.memory.prediction import allocator_share
from raytrain.results.records import Row
from raytrain.training.session import Session, Watch
from raytrain.trial.inputs import Inputs, Whereabouts
from raytrain.trial.job import Job
from raytrain.trial.notice import TakenAway
from raytrain.trial.post import Post, post_of
from raytrain.trial.pulse import Pulse, watched
from raytrain.trial.run_progress import STOPPED
from raytrain.whisper.locate import brought

Report = Callable[[Row, Path | None], None]
"""Takes a row and the checkpoint that belongs to it, which is there until it returns."""


def train_here(
    job: Job,
    *,
    report: Report,
    first: bool,
    resume_from: Path | None,
    set_device: Callable[[], None] | None = None,
    is_leaving: Callable[[], bool] | None = None,
) -> None:
    """Train to the end. A run that was asked to stop saves where it stands and waits to be ended: it never returns.

    `first` says whether this is rank 0, and `set_device` chooses a rank's card in the thread that trains. `is_leaving`
    says whether a machine of the run will be taken away: then it saves, too, and TakenAway is raised.
    """
    pulse = Pulse()
    post = post_of(job, tells=first)

    def alive(phase: str, examples_seen: int, examples_total: int) -> None:
        pulse.beat(phase, examples_seen, examples_total)
        post.tell(phase, examples_seen, examples_total)

    def is_to_stop() -> bool:
        return post.is_asked_to_stop() or (is_leaving is not None and is_leaving())

    train = partial(_train, job, report, alive, is_to_stop, first=first, resume_from=resume_from, set_device=set_device)
    ended, saved = watched(train, pulse)
    if not ended:
        leaves = is_leaving is not None and is_leaving() and not post.is_asked_to_stop()
        _wait_to_be_stopped(post, saved=saved if first else None, leaves=leaves)


def _train(
    job: Job,
    hand_on: Report,
    alive: Watch,
    is_to_stop: Callable[[], bool],
    *,
    first: bool,
    resume_from: Path | None,
    set_device: Callable[[], None] | None,
) -> tuple[bool, str | None]:
    """Whether the session came to its end, and the name of the last checkpoint that it left."""
    config = job.config
    # A cluster may promise more CPUs than this machine has.
    torch.set_num_threads(min(job.share.threads, len(os.sched_getaffinity(0))))
    if set_device is not None and torch.cuda.is_available():
        set_device()
    _keep_to_the_share(config, job)
    if first and job.share.use_gpu and not torch.cuda.is_available():
        logging.getLogger("raytrain").info("Ray gave this worker a GPU, but torch finds none: training on the CPU")

    alive("loading", 0, 0)
    saved: str | None = None
    inputs = Inputs.opened(_at_hand(job))
    with tempfile.TemporaryDirectory(prefix="raytrain-") as workdir:

        def report(row: Row, checkpoint: Path | None) -> None:
            nonlocal saved
            hand_on(row, checkpoint)
            saved = checkpoint.name if checkpoint is not None else saved

        # A copy: whoever keeps the run may remove a checkpoint once there is a better one.
        resumed = None if resume_from is None else Path(shutil.copytree(resume_from, Path(workdir) / "resumed"))
        ended = Session(
            config,
            corpus=inputs.corpus,
            validation_corpus=inputs.validation_corpus,
            also=inputs.also,
            split=inputs.split,
            report=report,
            workdir=Path(workdir),
            resume_from=resumed,
            evaluate_at_examples=job.evaluate_at_examples,
            end_at_examples=job.end_at_examples,
            score_first=job.score_first,
            predicted_memory_gib=job.predicted_memory_gib,
            scored_seed=job.whereabouts.split.seed,  # trainings with other seeds are compared on the same utterances
            watch=alive,
            is_asked_to_stop=is_to_stop,
        ).run()
    return ended, saved


def _at_hand(job: Job) -> Whereabouts:
    """Where this machine has the corpora and, for whoever looks for them, the weights."""
    if job.stock is None:
        return job.whereabouts
    pretrained = job.config.model.pretrained
    if pretrained is not None and (folder := job.stock.weights_at_hand(pretrained)) is not None:
        brought(pretrained, folder)
    return job.stock.corpora_at_hand(job.whereabouts)


def _wait_to_be_stopped(post: Post, *, saved: str | None, leaves: bool) -> NoReturn:
    """To return would be to say that the run is over. One that leaves is to go on elsewhere at once."""
    while saved is not None and post.latest() != saved:  # Ray has yet to note it
        time.sleep(0.05)
    if leaves:
        raise TakenAway("its machine will be taken away")
    post.again(STOPPED)
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
