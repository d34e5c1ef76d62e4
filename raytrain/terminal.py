"""Words in; what a terminal of any kind can show out: lines on stderr, results on stdout, nothing that steers it."""

import codecs
import io
import json
import logging
import os
import re
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

_PLAIN = str.maketrans({"×": "x", "−": "-", "…": "...", "·": "|", "–": "-", "█": "#", "▒": "=", "░": ".", "→": "->"})
"""Our own signs, for a terminal that is ASCII."""
_LABEL = 11
"""Columns before the text of a line that begins with what it is about."""
_NARROWEST = 40
_TOGETHER = re.compile(r" (?=[×=→] )|(?<= [×=→]) |(?<=\d) (?=(?:GiB|MiB|min|s|h)\b|%)")
"""Spaces that no line ends at: in 8 × 1 = 8, before a unit."""


def make_streams_bear_every_letter() -> None:
    """Let no letter end a door: what a terminal cannot show is shown plainly or escaped; a closed one shows none."""
    codecs.register_error("raytrain.plain", _plainly)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # `>&-`: print would take stdout for a stderr that is not there
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="raytrain.plain")


def _plainly(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    letters = error.object[error.start : error.end].translate(_PLAIN)
    return letters.encode("ascii", "backslashreplace").decode(), error.end


def say(text: str) -> None:
    """A line for the person, on stderr: stdout is for results. Where nobody reads it any more the work goes on."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def tell(label: str, text: str) -> None:
    """A sentence, with what it is about in front of it."""
    tell_line(f"{label:<{_LABEL - 1}} {text}")


def tell_line(line: str) -> None:
    """A line of words: a terminal has it broken between words alone, and the rest set in."""
    columns = _columns()
    if columns is not None:
        together = _TOGETHER.sub("\u00a0", line)
        line = textwrap.fill(
            together, columns, subsequent_indent=" " * _LABEL, break_long_words=False, break_on_hyphens=False
        ).replace("\u00a0", " ")
    say(line)


def tell_command(command: str, *, label: str = "") -> None:
    """A line to be copied: it is never broken by us, and what a terminal breaks it copies whole."""
    say(f"{label:<{_LABEL - 1}} {command}")


def here(path: Path) -> str:
    """A path as it is typed in the folder that one works in: from there, where it lies below it, else whole."""
    with suppress(OSError, ValueError):
        below = str(path.relative_to(Path.cwd()))
        return str(path) if below.startswith("-") else below
    return str(path)


def _columns() -> int | None:
    """Of the terminal on stderr; None where there is none."""
    with suppress(OSError, ValueError, AttributeError):
        if sys.stderr.isatty():
            return max(os.get_terminal_size(sys.stderr.fileno()).columns, _NARROWEST)
    return None


def show(text: str) -> None:
    """A line of results on stdout, escaped as `say` does it."""
    print(printable(text), flush=True)


def printable(text: str) -> str:
    """The text with every letter escaped that would steer a terminal, be invisible or fit no encoding; lines stay."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


def print_json(value: Any) -> None:
    """One JSON object on stdout, and nothing else there; a number that is not finite is refused.

    What would steer a terminal stands escaped as JSON escapes it: it reads back to the same.
    """
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(value, ensure_ascii=not is_unicode, allow_nan=False)
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else _in_json(letter) for letter in text)
    print(text, flush=True)


def _in_json(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 2**16 else json.dumps(letter)[1:-1]


class _Said(logging.Handler):
    """Logs bare lines through `say`: a live view that has taken stderr meanwhile lets them stand above it."""

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        (say if "`" in line or "python -m" in line else tell_line)(line)  # what is to be copied is not broken


def log_to_stderr() -> None:
    """Show raytrain's own progress lines on stderr, bare; the libraries' loggers stay as they are."""
    logger = logging.getLogger("raytrain")
    if not logger.handlers:
        logger.addHandler(_Said())
    logger.setLevel(logging.INFO)
    logger.propagate = False
