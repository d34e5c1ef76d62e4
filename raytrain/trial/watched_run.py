"""A run somebody watches: a Job in; its run on Ray Train without Tune, each row handed on as it comes, out."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ray.exceptions import RayError
from ray.train import TrainingFailedError
from ray.util.queue import Empty, Queue

from raytrain.errors import RunError
from raytrain.results.records import Row
from raytrain.stopping import patiently
from raytrain.trial.attempts import run_to_its_end
from raytrain.trial.cluster import require_ray
from raytrain.trial.driver import one_line, reason
from raytrain.trial.job import Job
from raytrain.trial.stop_request import StopRequest
from raytrain.trial.trainer import make_trainer

log = logging.getLogger("raytrain")
_LOOKS_FOR_RAY_EVERY_S = 2.0


def run_watched(job: Job, *, on_row: Callable[[Row], None]) -> None:
    """Run the job to its end; RunError where it failed, or ended without a row.

    Words of the worker go to our log. A signal lets the run save where it stands: KeyboardInterrupt.

    Ray would take over Ctrl-C in the main thread; the run is waited for in another, so that the handler stays ours.
    """
    messages = Queue(actor_options={"num_cpus": 0})
    failures: list[TrainingFailedError | RayError] = []

    def wait_for_the_run() -> None:
        try:
            if job.may_move:
                run_to_its_end(job, lambda placed: make_trainer(placed, messages=messages).fit())
            else:
                make_trainer(job, messages=messages).fit()
        except (TrainingFailedError, RayError) as error:  # the latter where the controller itself was killed
            failures.append(error)

    with patiently() as asked:
        stop = StopRequest(Path(job.storage), asked)
        run = threading.Thread(target=wait_for_the_run, daemon=True)
        run.start()
        try:
            reported = _hand_on(messages, run, on_row, until=partial(stop.is_over, [Path(job.storage) / job.name]))
        finally:
            stop.withdraw()
        if asked.is_set() and (run.is_alive() or failures):
            raise KeyboardInterrupt
    messages.shutdown()
    if failures:
        raise RunError(reason(failures[0])) from failures[0]
    if not reported:
        raise RunError("the run ended without a report")


def _hand_on(
    messages: Queue, run: threading.Thread, on_row: Callable[[Row], None], *, until: Callable[[], bool]
) -> bool:
    """Hand on what the worker sends, until the run ends or needs no longer be waited for; whether there was a row."""
    reported, looked_s = False, time.monotonic()
    while not until():
        if time.monotonic() - looked_s > _LOOKS_FOR_RAY_EVERY_S:
            require_ray()
            looked_s = time.monotonic()
        over = not run.is_alive()  # asked before the queue: what the run said before it ended is in there
        try:
            message = messages.get(timeout=0.2)
        except Empty:
            if over:
                break
            continue
        except RayError as error:  # the queue lives in a process of its own
            require_ray()
            raise RunError(f"what carries the worker's words died: {one_line(error)}") from None
        if isinstance(message, str):
            log.info("%s", message)
        else:
            reported = True
            on_row(message)
    return reported
