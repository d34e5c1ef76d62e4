"""YAML files and `key=value` overrides in; validated, frozen values out, or one InputError that names every fault."""

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from raytrain.config.baseline import Baseline
from raytrain.config.explain import explain, known_keys, may_be_null, shown_value
from raytrain.config.find import find
from raytrain.config.meant import OVERRIDE, keys_ending_in, meant_by, no_such_key, refuse_blanks, with_sign
from raytrain.config.section import KIND, Section
from raytrain.config.source import MAX_CHARACTERS, Location, Place, Problem, Source, read_yaml, shown_key
from raytrain.config.space import Scalar, SearchSpace
from raytrain.config.space_check import check_keys, check_space
from raytrain.errors import InputError

_Schema = TypeVar("_Schema", bound=BaseModel)
_MOST_SHOWN = 20


def load_baseline(name_or_path: str, overrides: Sequence[str] = ()) -> Baseline:
    """The baseline in `baselines/` or at a path, with overrides: `section.key=value` or `section={key: value, ...}`."""
    return _baseline(_read(find("baselines", name_or_path)), overrides)


def load_space(name_or_path: str, overrides: Sequence[str] = (), *, baseline: Baseline) -> SearchSpace:
    """The search space in `search_spaces/` or at a path, checked against the baseline it varies.

    What `vary` holds comes out in the type of the key it varies: whole numbers for a key of whole numbers, floats for
    any other.
    """
    return _space(_read(find("search_spaces", name_or_path)), overrides, baseline=baseline)


def change(
    baseline: Baseline, space: SearchSpace, overrides: Iterable[str], *, file: Path
) -> tuple[Baseline, SearchSpace]:
    """A study's baseline and space with overrides of either, judged as files of their own are."""
    for_baseline, for_space = split_overrides(overrides)
    changed = _baseline(Source.named(baseline.model_dump(), str(file)), for_baseline)
    return changed, _space(Source.named(space.model_dump(), str(file)), for_space, baseline=changed)


def split_overrides(overrides: Iterable[str]) -> tuple[list[str], list[str]]:
    """The overrides of the baseline and those of the search space: the section that an override names decides, or the
    one nearest in spelling, so that a typo is reported beside the keys that were meant."""
    parts: tuple[list[str], list[str]] = ([], [])
    for text in overrides:
        section = text.partition("=")[0].partition(".")[0]
        near = difflib.get_close_matches(section, [*Baseline.model_fields, *SearchSpace.model_fields], n=1)
        key = text.partition("=")[0]
        # A key without its section, too: of the space where it has one of this name and the baseline none.
        leaf = not near and "." not in key and keys_ending_in(key, SearchSpace) and not keys_ending_in(key, Baseline)
        parts[bool(leaf) or (bool(near) and near[0] in SearchSpace.model_fields)].append(text)
    return parts


def apply_sample(
    baseline: Baseline, sample: Mapping[str, Scalar | Section], *, is_from_space: bool = False
) -> Baseline:
    """The baseline with a sample's dotted keys set, a section's whole among them; the sections that hold them are
    validated again.

    A value from a space that was checked against this baseline is valid for its key: only the rules between keys are
    then looked at again, since a study asks hundreds of times for each trial it starts.
    """
    values: dict[str, dict[str, Scalar | Section]] = {}
    for key, value in sample.items():
        section, _, name = key.partition(".")
        values.setdefault(section, {})[name] = value
    try:
        changed = {
            name: section.with_values(new) if is_from_space else section.judged_with(new)
            for name, new in values.items()
            for section in [getattr(baseline, name)]
        }
    except (AttributeError, KeyError, ValueError):
        return _judged_sample(baseline, sample)
    return baseline.model_copy(update=changed)


def _judged_sample(baseline: Baseline, sample: Mapping[str, Scalar | Section]) -> Baseline:
    """The same by way of the whole baseline, which names what is wrong in the words of a file's faults."""
    source = Source.named(baseline.model_dump(), "sample")
    for n, (key, value) in enumerate(sample.items(), 1):
        _set(source, tuple(key.split(".")), value, place=Place((1, n), f"sample {key}={value}"), schema=Baseline)
    return _without_faults(source, _judge(source, Baseline))


def _baseline(source: Source, overrides: Sequence[str]) -> Baseline:
    _override(source, overrides, Baseline)
    return _without_faults(source, _judge(source, Baseline))


def _space(source: Source, overrides: Sequence[str], *, baseline: Baseline) -> SearchSpace:
    _override(source, overrides, SearchSpace)
    if not source.broken:
        check_keys(source)
    space = _judge(source, SearchSpace)
    if not source.broken:
        space = check_space(source, space, baseline=baseline)
    return _without_faults(source, space)


def _read(path: Path) -> Source:
    try:
        # A pipe that nobody writes to is empty, and not waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
            os.set_blocking(file.fileno(), True)
            raw = file.read(4 * MAX_CHARACTERS + 4)  # no longer file can be within the limit, whatever its letters
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: not UTF-8; save it in that encoding") from None
    source = read_yaml(text, file=str(path))
    if not source.broken and not isinstance(source.tree, dict):
        fact = "empty" if source.tree is None else f"must hold sections of keys, got {shown_value(source.tree)}"
        source.problems.append(Problem(source.root, "", fact))
        source.broken = True
    return source


def _override(source: Source, overrides: Sequence[str], schema: type[BaseModel]) -> None:
    for n, text in enumerate(overrides, 1):
        refuse_blanks(overrides[max(0, n - 2) : n + 1])
        place = Place((1, n), f"{OVERRIDE}{text if len(text) <= 120 else text[:119] + '…'}")
        key, separator, written = text.partition("=")
        if not (key and separator):
            source.problems.append(Problem(place, "", "must have the form key=value", with_sign(text)))
            continue
        value = read_yaml(written, file=place.text)
        if value.problems:
            source.problems += [Problem(place, problem.key, problem.message) for problem in value.problems]
        else:
            _set(source, _location(key, schema), value.tree, place=place, schema=schema)


def _location(key: str, schema: type[BaseModel]) -> Location:
    """Where a typed key points to. Below `vary` a baseline's dotted key is one step, however deep it lies."""
    parts = tuple(key.split("."))
    if parts[0] != "vary" or schema is not SearchSpace or len(parts) < 3:
        return parts
    end = 3
    while end < len(parts) and known_keys(Baseline, parts[1:end]):
        end += 1
    return ("vary", ".".join(parts[1:end]), *parts[end:])


def _set(source: Source, location: Location, value: Any, *, place: Place, schema: type[BaseModel]) -> None:
    """Put a value where its key says, or note why there is no such place. Of a section, only the keys given change.

    Where a section may be missing, a key below it brings it, and its `kind` set to null takes it away.
    """
    if value is None and location[-1] == KIND and may_be_null(schema, location[:-1]):
        location = location[:-1]
    for n, part in enumerate(location):
        known = known_keys(schema, location[:n])
        if known is None:
            source.problems.append(Problem(place, "", f"{shown_key(location[:n])} is a value, not a section"))
            return
        if known and part not in known:
            source.problems.append(Problem(place, "", *no_such_key(location, n, known, schema, typed=place.text)))
            return
    if schema is Baseline and (other := _contradicted(source, location, value)) is not None:
        source.problems.append(Problem(place, "", f"contradicts {other.text}; leave one of the two out"))
        return
    if schema is Baseline and isinstance(value, dict) and known_keys(schema, location):
        if not value and may_be_null(schema, location):
            _section_at(source.tree, location, schema)
            source.places.setdefault(location, place)
        for key, inner in value.items():
            below = (*location, str(key))
            _set(source, below, inner, place=Place(place.order, f"{place.text}: {shown_key(below)}"), schema=schema)
        return
    if source.broken:
        return
    node = _section_at(source.tree, location[:-1], schema)
    if node is None:
        return  # the schema refuses what stands in the section's place
    node[location[-1]] = value
    source.places = {at: was for at, was in source.places.items() if at[: len(location)] != location}
    source.places[location] = place


def _section_at(tree: Any, location: Location, schema: type[BaseModel]) -> dict[Any, Any] | None:
    """What the tree holds at a section's place, brought there where it is missing; None of what is no section."""
    node = tree
    for n, part in enumerate(location, 1):
        if node.get(part) is None and (part not in node or may_be_null(schema, location[:n])):
            node[part] = {}
        node = node[part]
        if not isinstance(node, dict):
            return None
    return node


def _contradicted(source: Source, location: Location, value: Any) -> Place | None:
    """Another override that takes away the section that this one sets a key of, or the other way round."""
    if value is None:
        inside = (at for at in source.places if at[: len(location)] == location and len(at) > len(location))
    else:
        inside = (location[:n] for n in range(1, len(location)) if _is_null(source.tree, location[:n]))
    return next((source.places[at] for at in inside if at in source.places and source.places[at].order[0]), None)


def _is_null(tree: Any, location: Location) -> bool:
    for part in location:
        if not isinstance(tree, dict) or part not in tree:
            return False
        tree = tree[part]
    return tree is None


def _judge(source: Source, schema: type[_Schema]) -> _Schema | None:
    """The value, unless the schema refuses it; why is noted."""
    try:
        return None if source.broken else schema.model_validate(source.tree)
    except ValidationError as error:
        source.problems += explain(error, source, schema)
        return None


def _without_faults(source: Source, value: _Schema | None) -> _Schema:
    if source.problems or value is None:
        problems = sorted(source.problems, key=lambda problem: problem.place.order)
        more = [f"and {len(problems) - _MOST_SHOWN} more"] if len(problems) > _MOST_SHOWN else []
        raise InputError("\n".join([*map(str, problems[:_MOST_SHOWN]), *more]), meant=meant_by(problems))
    return value
