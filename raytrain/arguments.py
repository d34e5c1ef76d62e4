"""What may be typed after a door: its options in; arguments, or a line on what is wrong and was probably meant, out."""

import argparse
import difflib
import os
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from raytrain.errors import InputError, Meant
from raytrain.terminal import show
from raytrain.versions import version_lines

_KEYS = """keys:
  each is explained where it stands, in baselines/small.yaml and the files of search_spaces/;
  python -m raytrain.tune --dry-run --full shows them all as they come out"""

_SAY_LITTLE = {"name", "kind"}
"""Keys of which nobody thinks who types such an option."""


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
            allow_abbrev=False,  # --wandb is no short form of --wandb-sweep
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
        chosen = re.search(r"invalid choice: '(\S+)' \(choose from (.*)\)$", message)
        number = re.search(r"invalid (?:int|float) value: '(\d+([.,]\d+)?).*'", message)
        meant = None if named is None else self._meant(named[1])
        if chosen is not None:
            near = difflib.get_close_matches(chosen[1], re.findall(r"[\w-]+", chosen[2]), n=1)
            meant = ((chosen[1],), (near[0],)) if near else None
        if number is not None:
            typed = message.rpartition(": '")[2].removesuffix("'")
            meant = (typed,), (number[1].replace(",", ".") if "float" in message else number[1].partition(".")[0],)
        way_out = f"{self.prog} --help lists what there is"
        if "are required" in message and self._example:
            way_out = f"as in {self._example}"
        raise InputError(f"{self.prog}: {message}{'' if meant else f'; {way_out}'}", meant=meant)

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
            if "=" in told and not told.endswith("="):
                return (option,), (told,)
            return typed, (f"{told}{value}",) if told.endswith("=") else (told, *([value] if value else []))
        word = name.lstrip("-").replace("-", "_")
        leaf = word.rpartition(".")[2]
        keys = [key for key in self._keys if value and key.rpartition(".")[2] == leaf and leaf not in _SAY_LITTLE]
        if keys:
            return typed, (f"{word if word in keys else keys[0]}={value}",)
        known = [one for one in self._option_string_actions if one not in ("--help", "-h", "--version")]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
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
