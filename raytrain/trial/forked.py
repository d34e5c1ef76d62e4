"""A training in a fork of the nursery: a Job and a socket in; its rows handed on as they come, out.

Both ends of the talk between a worker of Ray's and the process that trains for it. Each ends with the other: to Ray the
two are one.
"""

import ctypes
import os
import pickle
import select
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import NoReturn, Self

from raytrain.results.records import Row
from raytrain.trial.job import Job

Report = Callable[[Row, Path | None], None]
_BEATS_EVERY_S = 2.0
_SILENT_S = "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S", "600"
"""As long as Ray Train waits for a worker that does not answer: the variable, and Ray's default."""
_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
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
    log: Path
    """The worker's own file for what is written to standard error."""

    @classmethod
    def of(cls, job: Job, *, resume_from: Path | None) -> Self:
        """The order of a worker that is this process."""
        log = Path("/proc/self/fd/2").resolve()
        return cls(job, resume_from, dict(os.environ), Path.cwd(), _OOM_SCORE.read_text(), log)


@dataclass(frozen=True)
class _Born:
    """The fork is there, and has the order."""

    process: int


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
    order = Order.of(job, resume_from=resume_from)
    try:
        talk = Client(str(nursery), family="AF_UNIX")
        talk.send(order)
        born = talk.recv()
    except (OSError, EOFError):
        return False
    assert isinstance(born, _Born)
    while True:
        message = _heard(talk, born.process)
        if isinstance(message, _Reported):
            report(message.row, message.checkpoint)
            talk.send(True)
        elif isinstance(message, _Ended):
            if message.error is None:
                return True
            message.error.add_note(message.said)
            raise message.error


def _heard(talk: Connection, fork: int) -> object:
    try:
        if talk.poll(float(os.environ.get(*_SILENT_S))):
            return talk.recv()
    except (OSError, EOFError):
        pass
    with suppress(ProcessLookupError):
        os.kill(fork, signal.SIGKILL)  # it may be frozen
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def end_with_parent() -> None:
    """Let the kernel end this process as soon as the one that started it has ended."""
    ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL, 0, 0, 0)


def serve(talk: Connection, train: Callable[[Order, Report], None]) -> NoReturn:
    """The fork's side: take the order, have it trained, say how that ended, and end."""
    order: Order = talk.recv()
    end_with_parent()  # that of the nursery, at a study's end
    os.environ.clear()
    os.environ.update(order.environment)
    os.chdir(order.folder)
    _OOM_SCORE.write_text(order.oom_score)
    if order.log.is_file():
        with order.log.open("ab") as log:
            os.dup2(log.fileno(), 2)
    talk.send(_Born(os.getpid()))
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
