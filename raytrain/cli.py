"""What all doors share: arguments, and how work ends. Work in; the process's exit status out."""

import argparse
import difflib
import errno
import logging
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from raytrain.errors import Broken, ClusterLost, InputError, Interrupted, Meant
from raytrain.files import is_disk_fault, is_full, is_in_the_way
from raytrain.stopping import last_words, leaving_without_ado, take_signals
from raytrain.terminal import make_streams_bear_every_letter, say, show
from raytrain.versions import version_lines

_NAMES_A_SECRET = re.compile(r"(API_KEY|ACCESS_KEY|ACCESS_KEY_ID|TOKEN|SECRET|PASSWORD)$")
_LOOKS_SECRET = re.compile(r"://[^\s/]*:\S*@|\bhf_[A-Za-z0-9]{30,}|\b(AKIA|ASIA)[A-Z0-9]{16}\b")
"""A user's password in an address; a token of Hugging Face; a key of AWS."""
_OF_A_PATH = {errno.ENAMETOOLONG, errno.ELOOP, errno.EILSEQ}
"""Only a path that was given brings them about: names of ours are short ASCII, and we make no links."""

_KEYS = """keys:
  each is explained where it stands, in baselines/small.yaml and the files of search_spaces/;
  `--dry-run --full` shows them all as they come out"""

TO_REPORT = "if it is raytrain's own fault: report it with {file} and what python -m raytrain --version prints"
"""Of a run that failed; the file has the reason."""


class Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line, as any other bad input. Its help ends with an example that works."""

    def __init__(
        self,
        *,
        example: str = "",
        keys: Sequence[str] = (),
        slips: Mapping[str, str] | None = None,
        **arguments: Any,
    ) -> None:
        """`keys` are what may be typed as key=value. `slips` are options that people take this door to have, and what
        they mean: an option, a key (`scaling.gpu_memory_gib=`), or the door that has it (`raytrain.tune`)."""
        ends = [f"example:\n  {example}" if example else "", _KEYS if keys else ""]
        super().__init__(
            epilog="\n\n".join(filter(None, ends)) or None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **arguments,
        )
        self._example, self._keys, self._slips = example, keys, slips or {}
        if self.description:
            self.description = textwrap.fill(self.description, 78)
        self.add_argument("--version", action=_Versions, nargs=0, help="what a report of a fault should name")

    def parse_args(self, *arguments: Any, **more: Any) -> Any:
        _complete(self)
        return super().parse_args(*arguments, **more)

    def parse_intermixed_args(self, *arguments: Any, **more: Any) -> Any:
        _complete(self)
        return super().parse_intermixed_args(*arguments, **more)

    def error(self, message: str) -> NoReturn:
        named = re.search(r"unrecognized arguments: (-\S+)", message)
        number = re.search(r"invalid (?:int|float) value: '(\d+([.,]\d+)?).*'", message)
        meant = None if named is None else self._meant(named[1])
        if number is not None:
            typed = message.rpartition(": '")[2].removesuffix("'")
            meant = (typed,), (number[1].replace(",", ".") if "float" in message else number[1].partition(".")[0],)
        way_out = f"{self.prog} --help lists what there is"
        if "are required" in message and self._example:
            way_out = f"as in {self._example}"
        raise InputError(f"{self.prog}: {message}; {way_out}", meant=meant)

    def _meant(self, option: str) -> Meant | None:
        """What an option that is not there was meant to be."""
        name, _, value = option.partition("=")
        typed: tuple[str, ...] = (option,)
        if not value:  # perhaps it is the next argument
            following = sys.argv[sys.argv.index(option) + 1 :][:1] if option in sys.argv else []
            value = "".join(one for one in following if not one.startswith("-"))
            typed = (option, value) if value else typed
        if name in self._slips:
            told = self._slips[name]
            return typed, (f"{told}{value}",) if told.endswith("=") else (told, *([value] if value else []))
        word = name.lstrip("-").replace("-", "_")
        keys = [key for key in self._keys if value and key.rpartition(".")[2] == word.rpartition(".")[2]]
        if keys:
            return typed, (f"{word if word in keys else keys[0]}={value}",)
        near = difflib.get_close_matches(name, self._option_string_actions, n=1)
        return (typed, (near[0], *([value] if value else []))) if near else None


class _Versions(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        for line in version_lines():
            show(line)
        parser.exit()


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks how the line may go on, where argcomplete is switched on in it."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


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
