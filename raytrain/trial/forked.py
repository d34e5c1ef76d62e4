"""A training in a fork of the nursery: a Job and a socket in; its rows handed on as they come, out.

Both ends of the talk between a worker of Ray's and the process that trains for it. Each ends with the other: to Ray the
two are one.
"""

import os
import pickle
import select
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import NoReturn

from raytrain.results.records import Row
from raytrain.trial.job import Job

Report = Callable[[Row, Path | None], None]
_BEATS_EVERY_S = 30.0
_SILENT_S = 600.0
"""As long as Ray Train waits for a worker that does not answer."""
_OOM_SCORE = Path("/proc/self/oom_score_adj")


@dataclass(frozen=True)
class Order:
    """What a fork is told."""

    job: Job
    resume_from: Path | None
    environment: dict[str, str]
    folder: Path
    oom_score: str
    """Ray lets the kernel, short of memory, end its workers first; so it shall what trains for one."""


@dataclass(frozen=True)
class _Born:
    """The fork is there, and has the order."""


@dataclass(frozen=True)
class _Beat:
    """The fork lives."""


@dataclass(frozen=True)
class _Reported:
    row: Row
    checkpoint: Path | None


@dataclass(frozen=True)
class _Ended:
    error: BaseException | None
    said: str


def trained_in_a_fork(job: Job, nursery: Path, *, report: Report, resume_from: Path | None) -> bool:
    """Have the job trained, and raise what its training raises; False where no nursery answers, and nothing was done.

    A fork that dies takes this process with it, by the same signal as Ray would end it.
    """
    order = Order(job, resume_from, dict(os.environ), Path.cwd(), _OOM_SCORE.read_text())
    try:
        talk = Client(str(nursery), family="AF_UNIX")
        talk.send(order)
        born = talk.recv()
    except (OSError, EOFError):
        return False
    assert isinstance(born, _Born)
    while True:
        message = _heard(talk)
        if isinstance(message, _Reported):
            report(message.row, message.checkpoint)
            talk.send(True)
        elif isinstance(message, _Ended):
            if message.error is None:
                return True
            message.error.add_note(message.said)
            raise message.error


def _heard(talk: Connection) -> object:
    try:
        if talk.poll(_SILENT_S):
            return talk.recv()
    except (OSError, EOFError):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def serve(talk: Connection, train: Callable[[Order, Report], None]) -> NoReturn:
    """The fork's side: take the order, have it trained, say how that ended, and end."""
    order: Order = talk.recv()
    os.environ.clear()
    os.environ.update(order.environment)
    os.chdir(order.folder)
    _OOM_SCORE.write_text(order.oom_score)
    talk.send(_Born())
    sending = threading.Lock()

    def send(message: object) -> None:
        with sending:
            talk.send(message)

    def report(row: Row, checkpoint: Path | None) -> None:
        send(_Reported(row, checkpoint))
        talk.recv()

    threading.Thread(target=_beat, args=(talk.fileno(), send), daemon=True).start()
    ended = _Ended(None, "")
    try:
        train(order, report)
    except BaseException as error:  # noqa: BLE001 - raised again by the worker
        ended = _Ended(_portable(error), traceback.format_exc())
    send(ended)
    os._exit(0)


def _beat(talk: int, send: Callable[[object], None]) -> NoReturn:
    """Tell the worker that this process lives, and end as soon as the worker has."""
    gone = select.poll()
    gone.register(talk, select.POLLRDHUP | select.POLLHUP)
    while not gone.poll(1000 * _BEATS_EVERY_S):
        send(_Beat())
    os._exit(1)


def _portable(error: BaseException) -> BaseException:
    """The error, or one that says the same where it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever an exception's own class raises as it is made again
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
