"""What a person probably meant by an override that is none: the typed text in; a hint and the right override out."""

import difflib
import functools
import re
from collections.abc import Sequence

from pydantic import BaseModel

from raytrain.config.baseline import Baseline
from raytrain.config.explain import known_keys, nearest, unknown_key
from raytrain.config.find import shipped_folder
from raytrain.config.source import Location, Problem, shown_key
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError, Meant
from raytrain.terminal import printable

OVERRIDE = "override "
"""What the place of a typed key begins with."""
_SHORT = {
    "lr": "learning_rate",
    "epochs": "num_epochs",
    "bs": "batch_size",
    "accumulation": "gradient_accumulation_steps",
}
"""What people call keys."""

OPTIONS = {
    "--lr": "training.learning_rate=", "--epochs": "training.num_epochs=", "--steps": "training.max_steps=",
    "--bs": "training.batch_size=", "--output-dir": "storage=", "--data": "data.train_manifest=",
    "--manifest": "data.train_manifest=", "--dataset": "data.train_manifest=", "--model": "--baseline",
    "--no-wandb": "tracking.wandb=disabled", "--gpus": "scaling.num_workers=",
}  # fmt: skip
"""What other trainers' options are here."""


@functools.cache
def whole_keys(schema: type[BaseModel]) -> tuple[str, ...]:
    """All keys of a baseline or a search space as they are typed, section and key."""
    return tuple(
        f"{section}.{key}" if key else section
        for section in schema.model_fields
        for key in known_keys(schema, (section,)) or [""]
    )


def keys_ending_in(leaf: str, schema: type[BaseModel]) -> list[str]:
    """The whole keys of this name in whatever section."""
    return [key for key in whole_keys(schema) if key.rpartition(".")[2] == _SHORT.get(leaf, leaf)]


def no_such_key(
    location: Location, number: int, known: list[str], schema: type[BaseModel], *, typed: str
) -> tuple[str, str]:
    """The message for a key whose part of this number is not known, and the override that was probably meant, with the
    value that was typed; nothing where nothing is near."""
    value = typed.partition("=")[2]
    if schema is Baseline and location[0] in SearchSpace.model_fields:
        return f"{location[0]} is a search space's: give it to raytrain.tune", "raytrain.tune"
    near = nearest(location[number], known) if number else _nearly(str(location[0]), known)
    if number or near:
        whole = shown_key((*location[:number], *near, *location[number + 1 :]))
        return unknown_key(location[number], known), f"{whole}={value}" if near and "." in whole else ""
    keys, same = whole_keys(schema), keys_ending_in(str(location[-1]), schema)
    found = same or difflib.get_close_matches(shown_key(location), keys, n=1)
    if not found:
        return unknown_key(location[0], known), ""
    return f"unknown key; did you mean {' or '.join(found)}?", f"{found[0]}={value}"


def _nearly(typed: str, known: Sequence[str]) -> list[str]:
    """The section with a letter or two of difference; a key without its section is no such."""
    return difflib.get_close_matches(typed, known, n=1, cutoff=0.8)


def refuse_blanks(around: Sequence[str]) -> None:
    """Refuse an override that blanks have torn into arguments of their own; `around` is one with its neighbours."""
    before, this = [*around, "", ""][:2]
    torn: tuple[str, ...] = ()
    if this == "=" and len(around) == 3 and "=" not in around[0] + around[2]:
        torn = tuple(around)
    elif before.endswith("=") and before != "=" and this and "=" not in this:
        torn = before, this
    if torn:
        shown = printable(" ".join(torn)[:120]).replace("\n", "\\n")
        raise InputError(f"{OVERRIDE}{shown}: blanks around =; leave them out", meant=(torn, ("".join(torn),)))


def with_sign(text: str) -> str:
    """What a text without = was meant to be: `key: value`, a manifest or a baseline; nothing for any other."""
    if text.endswith(".jsonl"):
        return f"data.train_manifest={text}"
    is_name = re.fullmatch(r"[\w.-]{1,80}", text) is not None
    if text.endswith((".yaml", ".yml")) or (is_name and (shipped_folder("baselines") / f"{text}.yaml").is_file()):
        return f"--baseline {text}"
    colon = re.fullmatch(r"([\w.]+):\s*(.+)", text)
    return f"{colon[1]}={colon[2]}" if colon else ""


def meant_by(problems: Sequence[Problem]) -> Meant | None:
    """What a wrong override was probably meant to be, where it is the only one."""
    first = problems[0] if len(problems) == 1 else None
    if first is None or not first.meant or not first.place.text.startswith(OVERRIDE):
        return None
    instead = tuple(first.meant.split(" ", 1)) if first.meant.startswith("--") else (first.meant,)
    return (first.place.text.removeprefix(OVERRIDE),), instead
