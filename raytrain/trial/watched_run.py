"""A run somebody watches: a Job in; its run on Ray Train without Tune, each row handed on as it comes, out."""

import logging
import threading
from collections.abc import Callable

from ray.train import TrainingFailedError
from ray.util.queue import Empty, Queue

from raytrain.errors import RunError
from raytrain.results.records import Row
from raytrain.trial.driver import reason
from raytrain.trial.job import Job
from raytrain.trial.trainer import make_trainer

log = logging.getLogger("raytrain")


def run_watched(job: Job, *, on_row: Callable[[Row], None]) -> None:
    """Run the job to its end; RunError where it failed, or ended without a row.

    Words of the worker go to our log; a signal in this thread ends the wait at once.

    Ray would take over Ctrl-C in the main thread; the run is waited for in another, so that the handler stays ours.
    """
    messages = Queue(actor_options={"num_cpus": 0})
    failures: list[TrainingFailedError] = []

    def wait_for_the_run() -> None:
        try:
            make_trainer(job, messages=messages).fit()
        except TrainingFailedError as error:
            failures.append(error)

    run = threading.Thread(target=wait_for_the_run, daemon=True)
    run.start()
    reported = False
    while True:
        over = not run.is_alive()  # asked before the queue: what the run said before it ended is in there
        try:
            message = messages.get(timeout=0.2)
        except Empty:
            if over:
                break
            continue
        if isinstance(message, str):
            log.info("%s", message)
        else:
            reported = True
            on_row(message)
    messages.shutdown()
    if failures:
        raise RunError(reason(failures[0])) from failures[0]
    if not reported:
        raise RunError("the run ended without a report")
