"""A search space and its baseline in; what cannot work out, and the space in the types of the keys it varies."""

import bisect
import itertools
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from raytrain.config.baseline import Baseline
from raytrain.config.explain import alternatives, did_you_mean, explain, known_keys, shown_value, unknown_key
from raytrain.config.source import Place, Problem, Source
from raytrain.config.space import Bounds, Choice, Range, SearchSpace, Variation

_EFFECTIVE = ("training.batch_size", "training.gradient_accumulation_steps", "scaling.num_workers")
_VARIATION: TypeAdapter[Choice | Range] = TypeAdapter(Variation)


def check_keys(source: Source) -> None:
    """Note each `vary` key that no baseline has. What it holds is then not judged: one fault is enough for it."""
    for key in _vary(source):
        if fault := _no_such_key(key):
            source.problems.append(source.problem(("vary", key), fault))
            source.tree["vary"][key] = {"values": [None]}


def check_space(
    source: Source, space: SearchSpace | None, *, baseline: Baseline
) -> tuple[list[Problem], SearchSpace | None]:
    """Every fault that the schema of search spaces alone cannot see; `space` is None where that schema refused it."""
    problems: list[Problem] = []
    vary: dict[str, Choice | Range] = {}
    for key, value in _vary(source).items():
        if key in baseline_keys() and (variation := _parsed(value)):
            faults, vary[key] = _check_values(source, key, variation, baseline)
            problems += faults
    if space is None:
        return problems, None
    problems += _check_rungs(source, space)
    if problems or source.problems:
        return problems, None
    space = space.model_copy(update={"vary": vary})
    return _check_keep(source, space, baseline), space


def baseline_keys() -> list[str]:
    """Every key that may vary, as `section.key`."""
    return [f"{section}.{key}" for section in Baseline.model_fields for key in _keys_of(section)]


def _keys_of(section: str) -> list[str]:
    return known_keys(Baseline, (section,)) or []


def _vary(source: Source) -> dict[str, Any]:
    written = source.tree.get("vary")
    return written if isinstance(written, dict) else {}


def _no_such_key(key: str) -> str:
    """The message for a `vary` key that is not `section.key` of a baseline; empty where it is."""
    if key in (keys := baseline_keys()):
        return ""
    if _keys_of(key):
        return f"a whole section cannot vary; name its keys, as in {key}.{_keys_of(key)[0]}"
    section, _, name = key.rpartition(".")
    elsewhere = [known for known in keys if known.endswith(f".{name}")]  # the right name in the wrong section
    if _keys_of(section) and not elsewhere:
        return unknown_key(name, _keys_of(section))
    hint = f"did you mean {elsewhere[0]!r}?" if elsewhere else did_you_mean(key, keys)
    return f"unknown key of a baseline; {hint or 'write section.key, as in training.batch_size'}"


def _parsed(value: Any) -> Choice | Range | None:
    try:
        return _VARIATION.validate_python(value)
    except ValidationError:
        return None  # told by the validation of the whole


def _check_values(
    source: Source, key: str, variation: Choice | Range, baseline: Baseline
) -> tuple[list[Problem], Choice | Range]:
    if isinstance(variation, Choice):
        return _check_choice(source, key, variation, baseline)
    return _check_range(source, key, variation, baseline)


def _check_choice(source: Source, key: str, choice: Choice, baseline: Baseline) -> tuple[list[Problem], Choice]:
    problems, values = [], []
    for n, value in enumerate(choice.values):
        faults, value = _in_place(baseline, key, value)
        if not faults and value in values:
            faults = [f"{shown_value(value)} is listed twice"]
        problems += [source.problem(("vary", key, "values", n), fault) for fault in faults]
        values.append(value)
    return problems, choice.model_copy(update={"values": values})


def _check_range(source: Source, key: str, drawn: Range, baseline: Baseline) -> tuple[list[Problem], Range]:
    section, name = key.split(".")
    kinds = alternatives(type(getattr(baseline, section)).model_fields[name].annotation)
    if int not in kinds and float not in kinds:
        return [source.problem(("vary", key), "a range needs a key of numbers; list its values instead")], drawn
    ends, problems = {}, []
    for end in ("low", "high"):
        faults, ends[end] = _in_place(baseline, key, getattr(drawn, end))
        problems += [source.problem(("vary", key, end), fault) for fault in faults]
    step = drawn.step
    if step is not None and int in kinds and not isinstance(step, int):
        fault = f"must be a whole number like the key's values, got {shown_value(step)}"
        problems.append(source.problem(("vary", key, "step"), fault))
    elif step is not None and not problems and not _reaches(ends["low"], ends["high"], step):
        fault = f"steps of {step} from {ends['low']} do not reach {ends['high']}; both ends must be reachable"
        problems.append(source.problem(("vary", key, "step"), fault))
    if step is not None and int not in kinds:
        step = float(step)
    return problems, drawn.model_copy(update={**ends, "step": step})


def _reaches(low: float, high: float, step: float) -> bool:
    steps = (high - low) / step
    return abs(steps - round(steps)) < 1e-6


def _in_place(baseline: Baseline, key: str, value: Any) -> tuple[list[str], Any]:
    """What the baseline's schema has against this value for the key, and the value in the key's own type."""
    section, name = key.split(".")
    tree = baseline.model_dump()
    tree[section][name] = value
    try:
        return [], getattr(getattr(Baseline.model_validate(tree), section), name)
    except ValidationError as error:
        return [problem.message for problem in explain(error, Source(tree, Place((0, 0), "")), Baseline)], value


def _check_rungs(source: Source, space: SearchSpace) -> list[Problem]:
    first, most = space.scheduler.first_rung_examples, space.budget.examples
    if space.scheduler.name == "none" or most is None or first < most:
        return []
    fault = (
        f"{first} is not below budget.examples, {most}: no trial would ever be stopped; "
        "lower it, or set scheduler.name to none"
    )
    return [source.problem(("scheduler", "first_rung_examples"), fault)]


def _check_keep(source: Source, space: SearchSpace, baseline: Baseline) -> list[Problem]:
    bounds = space.keep.effective_batch_size
    if bounds is None:
        return []
    faults = []
    if not bounds.low <= (size := baseline.effective_batch_size()) <= bounds.high:
        faults.append(
            f"the baseline's effective batch size, {size}, lies outside {bounds.low} to {bounds.high}, and it is "
            "trial 0; widen keep, or change the baseline's training.batch_size or gradient_accumulation_steps"
        )
    sizes = [_sizes(space, baseline, key) for key in _EFFECTIVE]
    if not _some_product_is_within(sizes, bounds):
        low, high = (ends[0] * ends[1] * ends[2] for ends in zip(*((size[0], size[-1]) for size in sizes), strict=True))
        faults.append(
            f"no sample lies within {bounds.low} to {bounds.high}: "
            f"the effective batch sizes of this space go from {low} to {high}"
        )
    return [source.problem(("keep", "effective_batch_size"), fault) for fault in faults]


def _sizes(space: SearchSpace, baseline: Baseline, key: str) -> Sequence[int]:
    """The values one factor of the effective batch size can take, in order."""
    match space.vary.get(key):
        case Choice(values=values):
            return sorted(value for value in values if isinstance(value, int))
        case Range(low=low, high=high, step=step):
            return range(int(low), int(high) + 1, int(step or 1))
    section, name = key.split(".")
    return [getattr(getattr(baseline, section), name)]


def _some_product_is_within(sizes: Sequence[Sequence[int]], bounds: Bounds) -> bool:
    """Whether factors can be chosen, one from each, whose product lies within; the longest list is never walked."""
    *short, long = sorted(sizes, key=len)
    within_reach = [itertools.takewhile(lambda size: size <= bounds.high, sequence) for sequence in short]
    for factors in itertools.product(*within_reach):
        so_far = factors[0] * factors[1]
        n = bisect.bisect_left(long, bounds.low, key=lambda size, so_far=so_far: size * so_far)
        if n < len(long) and long[n] * so_far <= bounds.high:
            return True
    return False
