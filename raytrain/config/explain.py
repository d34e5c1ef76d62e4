"""What a schema has against a source: one problem a key, in this project's words, at the place it was written."""

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from raytrain.config.source import Location, Problem, Source, shown_key

_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text in valid Unicode",
    "model_type": "a section of keys",
    "dict_type": "a section of keys",
    "list_type": "a list",
    "finite_number": "a finite number",
}
_BOUND = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}
_SHOWN_LENGTH = 40
_SWITCHED_OFF, _OFF = ("off", "no", "none", "never"), ("disabled", "none")
"""What is typed for what is to be without, and the choices that say so."""


def explain(error: ValidationError, source: Source, schema: type[BaseModel]) -> list[Problem]:
    """Every error of one validation as a problem at its place; the alternatives of a union make one together."""
    by_location: dict[Location, list[Mapping[str, Any]]] = {}
    for details in error.errors(include_url=False):
        location = _written_location(details, source.tree)
        by_location.setdefault(location, []).append(details)
    problems = []
    for location, alternatives in _meant(by_location).items():
        placed = source.broken_rule if alternatives[0]["type"] == "value_error" else source.problem
        problem, meant = placed(location, _message(alternatives, location, schema)), _meant_value(alternatives[0])
        problems.append(replace(problem, meant=f"{shown_key(location)}={meant}") if meant else problem)
    return problems


def _meant(by_location: Mapping[Location, list[Mapping[str, Any]]]) -> dict[Location, list[Mapping[str, Any]]]:
    """Without the types that a list or a section is not, where its inside was looked at: it was meant to be one."""
    return {
        location: found
        for location, found in by_location.items()
        if not any(details["type"].endswith("_type") for details in found)
        or not any(other[: len(location)] == location for other in by_location if len(other) > len(location))
    }


def known_keys(schema: type[BaseModel], location: Location) -> list[str] | None:
    """The keys that may stand in the section at this location: empty for any key, None where it is no section."""
    kinds = kinds_at(schema, location)
    if any(typing.get_origin(kind) is dict for kind in kinds):
        return []
    sections = [kind for kind in kinds if _is_section(kind)]
    return list(dict.fromkeys(key for section in sections for key in section.model_fields)) if sections else None


def may_be_null(schema: type[BaseModel], location: Location) -> bool:
    """Whether a section stands at this location that may be missing, as `adapter: null`."""
    kinds = kinds_at(schema, location)
    return type(None) in kinds and any(_is_section(kind) for kind in kinds)


def kinds_at(schema: type[BaseModel], location: Location) -> tuple[Any, ...]:
    """The types that may stand at this location, bare."""
    kinds: tuple[Any, ...] = (schema,)
    for part in location:
        kinds = tuple(inner for kind in kinds for inner in _inside(kind, str(part)))
    return kinds


def unknown_key(key: object, known: Iterable[str]) -> str:
    """The message for a key that is not there, with the closest one that is."""
    return f"unknown key; {did_you_mean(key, known) or 'known here: ' + ', '.join(known)}"


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A hint at the closest known word, or nothing."""
    near = nearest(word, known)
    return f"did you mean {near[0]!r}?" if near else ""


def shown_value(value: Any) -> str:
    """A value for a message, on one line and short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list):
        return "a section of keys" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return f"the text {_shortened(repr(value))}"
    return _shortened(str(value))


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types a field takes, bare: `int` and `NoneType` for `Count | None`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return alternatives(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return tuple(bare for argument in arguments for bare in alternatives(argument))
    return (annotation,)


def _written_location(details: Mapping[str, Any], tree: Any) -> Location:
    """The location without pydantic's names for the alternatives of a union, which nobody wrote."""
    node, written = tree, []
    for part in details["loc"]:
        is_index = isinstance(node, list) and isinstance(part, int)
        if is_index or (isinstance(node, dict) and part in node):
            node = node[part]
            written.append(part)
    if details["type"] == "missing":
        written.append(details["loc"][-1])
    return tuple(written)


def _message(alternatives: list[Mapping[str, Any]], location: Location, schema: type[BaseModel]) -> str:
    first = alternatives[0]
    match first["type"]:
        case "extra_forbidden":
            return unknown_key(location[-1], known_keys(schema, location[:-1]) or [])
        case "missing":
            return "missing; it has no default"
        case "value_error":
            return str(first["ctx"]["error"])
        case "variation_form":
            return str(first["msg"])
    wanted = list(dict.fromkeys(_wanted(details) for details in alternatives))
    if len(wanted) > 3:  # of a key in `vary`, which takes whatever its own key takes
        wanted = ["a plain value"]
    got = first["input"]
    hint = ""
    if isinstance(got, str) and first["type"] == "literal_error":
        meant = _meant_value(first)
        hint = f"did you mean {meant!r}?" if meant else ""
    if wanted == ["text"] and isinstance(got, bool | int | float):
        hint = "quote it"
    return f"must be {' or '.join(wanted)}, got {shown_value(got)}" + (f"; {hint}" if hint else "")


def _meant_value(details: Mapping[str, Any]) -> str:
    """The value that a text was probably meant to be: a choice in other letters, a number with a comma."""
    got = details["input"]
    if not isinstance(got, str):
        return ""
    if details["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", details["ctx"]["expected"])
        if got.lower() in _SWITCHED_OFF and (off := [one for one in _OFF if one in choices]):
            return off[0]
        return next(iter(nearest(got, choices)), "")
    number = re.fullmatch(r"\d+,\d+", got) if details["type"] == "float_type" else None
    return got.replace(",", ".") if number else ""


def nearest(word: object, known: Iterable[str]) -> list[str]:
    """The closest known word, whatever its case."""
    typed, by_small = str(word)[:_SHOWN_LENGTH].lower(), {one.lower(): one for one in known}
    return [by_small[one] for one in difflib.get_close_matches(typed, by_small, n=1)]


def _wanted(details: Mapping[str, Any]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _WANTED:
        return _WANTED[kind]
    if kind in _BOUND:
        name, words = _BOUND[kind]
        bound = context[name]
        return f"{words} {int(bound) if bound == int(bound) else bound}"
    if kind == "literal_error":
        return str(context["expected"])
    if kind in ("too_short", "string_too_short"):
        return "not empty"
    return str(details["msg"])


def _inside(kind: Any, key: str) -> tuple[Any, ...]:
    if _is_section(kind):
        return alternatives(kind.model_fields[key].annotation) if key in kind.model_fields else ()
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is list and key.isdecimal():
        return alternatives(arguments[0])
    return alternatives(arguments[1]) if typing.get_origin(kind) is dict else ()


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 10]}…{text[-9:]}"
