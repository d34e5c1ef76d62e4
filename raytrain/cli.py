"""How the work of a door ends, whichever it is. Work in; the process's exit status out."""

import errno
import logging
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from raytrain.errors import Broken, ClusterLost, InputError, Interrupted
from raytrain.files import is_disk_fault, is_full, is_in_the_way
from raytrain.stopping import last_words, leaving_without_ado, take_signals
from raytrain.terminal import make_streams_bear_every_letter, say

_NAMES_A_SECRET = re.compile(r"(API_KEY|ACCESS_KEY|ACCESS_KEY_ID|TOKEN|SECRET|PASSWORD)$")
_LOOKS_SECRET = re.compile(r"://[^\s/]*:\S*@|\bhf_[A-Za-z0-9]{30,}|\b(AKIA|ASIA)[A-Z0-9]{16}\b")
"""A user's password in an address; a token of Hugging Face; a key of AWS."""
_OF_A_PATH = {errno.ENAMETOOLONG, errno.ELOOP, errno.EILSEQ}
"""Only a path that was given brings them about: names of ours are short ASCII, and we make no links."""

TO_REPORT = "if it is raytrain's own fault: report it with {file} and what python -m raytrain --version prints"
"""Of a run that failed; the file has the reason."""


def run_door(work: Callable[[], int | None]) -> None:
    """Run a door's work and leave with its status: 0 done, 1 failed, 2 bad input, 130 interrupted.

    Bad input is one line on stderr (a line each where there are several), with no traceback. An interrupted
    run's last line is the command that resumes it.
    """
    make_streams_bear_every_letter()
    take_signals()
    sys.excepthook = _fault_of_ours
    try:
        _refuse_secrets(sys.argv[1:])
        status = work() or 0
    except (InputError, Broken) as error:
        say(f"{error}{_meant_command(error)}")
        status = 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt as error:
        say(last_words(error.resume if isinstance(error, Interrupted) else None))
        status = 130
    except BrokenPipeError:
        # `| head` closed our stdout: not an error of ours; the null device keeps Python's last flush quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        if not (is_disk_fault(error) or is_in_the_way(error) or error.errno in _OF_A_PATH or _is_nowhere()):
            raise
        say(_fault(error))
        status = 1 if is_disk_fault(error) else 2
    if leaving_without_ado():
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status)
    sys.exit(status)


def _fault_of_ours(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """Python's own words on what nobody foresaw, and what to send us."""
    sys.__excepthook__(kind, error, at)
    say("a fault of raytrain's own; report it with the lines above and what python -m raytrain --version prints")


def _meant_command(error: InputError | Broken) -> str:
    """The command as it was probably meant, to be pasted."""
    if not isinstance(error, InputError) or error.meant is None:
        return ""
    (typed, instead), arguments = error.meant, sys.argv[1:]
    door = _door()
    if instead[0].startswith("raytrain."):  # another door's: there it is right as it is
        return f"; type {shlex.join(['python', '-m', instead[0], *arguments])}"
    starts = [n for n in range(len(arguments)) if tuple(arguments[n : n + len(typed)]) == typed]
    if starts:
        arguments[starts[0] : starts[0] + len(typed)] = instead
    else:
        behind = [n for n, one in enumerate(arguments) if _names(one.partition("=")[2], typed[0])]
        if not behind:
            return ""
        arguments[behind[0]] = f"{arguments[behind[0]].partition('=')[0]}={instead[0]}"
    return f"{'' if str(error).endswith('?') else ';'} type {shlex.join(['python', '-m', door, *arguments])}"


def _names(value: str, typed: str) -> bool:
    """Whether what stands behind a key or an option is this, or the path of it."""
    return bool(value) and typed in (value, str(Path(value).absolute()))


def _door() -> str:
    """The module that was run: raytrain.tune."""
    path = Path(sys.argv[0])
    return (
        sys.argv[0]
        if path.suffix != ".py"
        else f"raytrain.{path.parent.name if path.stem == '__main__' else path.stem}"
    )


def _refuse_secrets(arguments: Sequence[str]) -> None:
    """Refuse what study.json and W&B would keep of the command line, and every user here sees in the process list."""
    kept = [value for name, value in os.environ.items() if _NAMES_A_SECRET.search(name) and len(value) >= 8]
    for number, argument in enumerate(arguments, start=1):
        if _LOOKS_SECRET.search(argument) or any(value in argument for value in kept):
            raise InputError(
                f"argument {number} holds a password or a key, and command lines are seen by others and written down; "
                "leave it out of there, and set it in the environment (WANDB_API_KEY, AWS_SECRET_ACCESS_KEY, HF_TOKEN)"
            )


def _is_nowhere() -> bool:
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def _fault(error: OSError) -> str:
    if error.errno == errno.ENOENT and _is_nowhere():
        return "the working folder was deleted; change to one that is there"
    path = str(error.filename or ("a disk" if is_disk_fault(error) else "a path"))
    return f"{path if len(path) <= 120 else path[:119] + '…'}: {error.strerror}; {_way_out(error)}name another place"


def _way_out(error: OSError) -> str:
    return f"{_mended(error)}, or " if is_disk_fault(error) or is_in_the_way(error) else ""


@contextmanager
def disk_faults_reported(folder: Path, *, resume: str) -> Iterator[None]:
    """A disk that takes no more ends a run's work in one line and, where the run has begun, the command to go on."""
    try:
        yield
    except OSError as error:
        if not (is_disk_fault(error) or is_in_the_way(error)):
            raise
        logging.raiseExceptions = False  # libraries log to that disk, too
        begun = any(folder.glob("*.json"))
        way_out = f"{_mended(error)}, then go on:\n{resume}" if begun else f"{_mended(error)}, or take storage=PATH"
        raise Broken(f"{error.filename or folder}: {error.strerror}; {way_out}") from None


@contextmanager
def cluster_faults_reported(folder: Path, *, resume: str) -> Iterator[None]:
    """A cluster that has died, or does not start, ends a run's work in one line and the command to go on."""
    try:
        yield
    except ClusterLost as error:
        raise Broken(f"{folder}: {error}; to go on:\n{resume}") from None


def _mended(error: OSError) -> str:
    if is_in_the_way(error):
        return "take away what lies in its place"
    return "make room" if is_full(error) else "make it one that can be written to"
