"""The splits of a source, and which was asked for, in; the one to read, or several joined by +, out."""

from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

from raytrain.errors import InputError

Where = TypeVar("Where")


class Chosen(NamedTuple, Generic[Where]):
    """What is read."""

    name: str
    """`train`, or `train+test`."""
    parts: list[Where]


def chosen(splits: Mapping[str, Where], asked: str | None, *, place: str, usual: str | None = None) -> Chosen[Where]:
    """The split that was asked for, the only one, or the one that is `usual`; otherwise an InputError lists them."""
    there = ", ".join(splits)
    if asked is None:
        if usual in splits:
            asked = usual
        elif len(splits) == 1:
            asked = next(iter(splits))
        else:
            example = "+".join(list(splits)[:2])
            raise InputError(f"{place}: has several splits; name one by --split, or more, `--split {example}`: {there}")
    assert asked is not None
    names = list(dict.fromkeys(name.strip() for name in asked.split("+")))
    missing = [name for name in names if name not in splits]
    if missing:
        raise InputError(f"{place}: has no split {missing[0]!r}; there {'is' if len(splits) == 1 else 'are'} {there}")
    return Chosen("+".join(names), [splits[name] for name in names])
