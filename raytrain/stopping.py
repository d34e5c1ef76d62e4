"""Signals that ask this process to stop, in; a KeyboardInterrupt, or a request that a run may heed in time, out.

SIGINT (Ctrl-C), SIGTERM (Slurm, docker stop, systemd) and SIGHUP (a closed terminal) are one request. Whoever sends
SIGTERM or SIGHUP kills what is still there some seconds later, so these bound the time, too: what is written down is
sound at every moment, and the process leaves before that with its last words said.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from raytrain.errors import Interrupted

SAVED_WITHIN_S = 5.0
"""What runs are given to save where they stand, of the 10 s that docker, the strictest, gives to all."""
_GONE_WITHIN_S = 8.0
_GONE_AFTER_A_SECOND_WITHIN_S = 4.0
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@dataclass
class _State:
    """Signals reach the process and not one of its objects, so there is one state."""

    taken: bool = False
    """Whether the handlers are ours."""
    asked: bool = False
    patient: threading.Event | None = None
    """What the first signal sets where somebody waits for it; else it raises."""
    raised: bool = False
    way_on: str | None = None
    """The command that goes on with the work."""
    ends: threading.Timer | None = None


_state = _State()


def take_signals() -> None:
    """Make the three signals ours, for good; called by doors, before all else. nohup's SIGHUP stays ignored."""
    _state.taken = True
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _asked)


@contextmanager
def kept_from_others() -> Iterator[None]:
    """Around the start of a library that puts a handler of its own over ours. What arrives meanwhile is not lost.

    The processes that it starts never see SIGTERM and SIGHUP: where these are sent to all processes of a job, only the
    one that knows how to stop is asked. Here another thread takes them meanwhile.
    """
    if not _state.taken or threading.current_thread() is not threading.main_thread():
        yield
        return
    over = threading.Event()
    threading.Thread(target=over.wait, name="takes signals", daemon=True).start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP})
    try:
        try:
            yield
        finally:
            take_signals()
    except SystemExit as error:
        if error.code != signal.SIGTERM:
            raise
        _asked(signal.SIGTERM, None)  # Ray's handler took it
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        over.set()


@contextmanager
def patiently() -> Iterator[threading.Event]:
    """Yields the event that the first signal sets. A second Ctrl-C does not wait any longer: KeyboardInterrupt."""
    by_a_door, before = _state.taken, {number: signal.getsignal(number) for number in _SIGNALS}
    take_signals()
    _state.patient = threading.Event()
    try:
        yield _state.patient
    finally:
        _state.patient = None
        if not by_a_door:
            for number, handler in before.items():
                signal.signal(number, handler)
            vars(_state).update(vars(_State()))


@contextmanager
def going_on_by(command: str) -> Iterator[None]:
    """An interrupt within leaves this command as the last line."""
    before, _state.way_on = _state.way_on, command
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise Interrupted(command) from None
    _state.way_on = before


def leaving_without_ado() -> bool:
    """Whether this process was asked to stop, and ends right after its last words: no exit handler runs any more."""
    return _state.taken and _state.asked


def last_words(way_on: str | None) -> str:
    """What an interrupted process says. Whoever says it has the last word: no time limit speaks after it."""
    _state.way_on, _state.raised = None, True
    if _state.ends is not None:
        _state.ends.cancel()
    return f"interrupted; to go on:\n{way_on}" if way_on else "interrupted"


def _asked(number: int, frame: FrameType | None) -> None:
    again, _state.asked = _state.asked, True
    if number == signal.SIGHUP:
        _leave_the_terminal()
    if number != signal.SIGINT:
        _end_within(_GONE_WITHIN_S)
    elif again:
        _end_within(_GONE_AFTER_A_SECOND_WITHIN_S)
    # systemd sends SIGTERM and SIGHUP at once, a shell SIGHUP twice: only a person's second Ctrl-C is one more request.
    if again and number != signal.SIGINT:
        return
    if _state.patient is not None and not again:
        _state.patient.set()
    elif not _state.raised:  # once: what is being left must not be left half
        _state.raised = True
        raise KeyboardInterrupt


def _leave_the_terminal() -> None:
    """Words go nowhere from here: writing to a terminal that is gone would raise."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            if os.isatty(descriptor) or not _writable(descriptor):
                os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _writable(descriptor: int) -> bool:
    try:
        os.write(descriptor, b"")
    except OSError:
        return descriptor == 0
    return True


def _end_within(seconds: float) -> None:
    if _state.ends is None:
        _state.ends = threading.Timer(seconds, _end)
        _state.ends.daemon = True
        _state.ends.start()


def _end() -> None:
    """Leave at once: whatever still holds the process up has had its time. Ray's processes end with their parent."""
    with suppress(OSError):
        sys.stderr.flush()
    with suppress(OSError):
        os.write(2, f"{last_words(_state.way_on)}\n".encode())
    os._exit(130)
