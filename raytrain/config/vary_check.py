"""One key of a search space in; what it is drawn from, in the type of the key in the baseline, and its faults, out."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from raytrain.config.baseline import Baseline
from raytrain.config.branches import ADAPTER_KIND, Branch, branch_of, branches_drawn, drawn_in, in_branch
from raytrain.config.explain import explain, kinds_at, shown_value
from raytrain.config.source import Location, Source
from raytrain.config.space import ByBranch, Choice, Range, Scalar, Variation

_MOST_STEPS = 100_000
_VARIATION: TypeAdapter[Variation] = TypeAdapter(Variation)


def checked(source: Source, key: str, written: Any, *, vary: Mapping[str, Any], baseline: Baseline) -> Variation | None:
    """What one key is drawn from, in the type of that key; noted is each value that the baseline's schema refuses.

    None where what is written has none of the forms that there are.
    """
    try:
        variation = _VARIATION.validate_python(written)
    except ValidationError:
        return None  # the validation of the whole space says why
    drawn = branches_drawn({ADAPTER_KIND: kinds} if (kinds := _kinds(vary)) else {}, baseline)
    at: Location = ("vary", key)
    if isinstance(variation, ByBranch):
        return variation.model_copy(
            update={
                str(branch): _check_drawn(
                    source, (*at, str(branch)), key, part, _place_of(key, branch, drawn=drawn, baseline=baseline)
                )
                for branch, part in drawn_in(key, variation)
            }
        )
    ((branch, _),) = drawn_in(key, variation)
    return _check_drawn(source, at, key, variation, _place_of(key, branch, drawn=drawn, baseline=baseline))


def _kinds(vary: Mapping[str, Any]) -> Choice | None:
    """What kinds of adapter are drawn, by what is written; None where that is not varied, or wrongly."""
    try:
        found = _VARIATION.validate_python(vary.get(ADAPTER_KIND))
    except ValidationError:
        return None
    return found if isinstance(found, Choice) else None


def _check_drawn(source: Source, at: Location, key: str, drawn: Choice | Range, baseline: Baseline) -> Choice | Range:
    if isinstance(drawn, Choice):
        return _check_choice(source, at, key, drawn, baseline)
    return _check_range(source, at, key, drawn, baseline)


def _check_choice(source: Source, at: Location, key: str, choice: Choice, baseline: Baseline) -> Choice:
    values: list[Scalar] = []
    seen: set[Scalar] = set()
    for n, value in enumerate(choice.values):
        faults, value = _in_place(baseline, key, value)
        if not faults and value in seen:
            faults = [f"{shown_value(value)} is listed twice"]
        source.note((*at, "values", n), *faults)
        seen.add(value)
        values.append(value)
    return choice.model_copy(update={"values": values})


def _check_range(source: Source, at: Location, key: str, drawn: Range, baseline: Baseline) -> Range:
    kinds = kinds_at(Baseline, tuple(key.split(".")))
    if int not in kinds and float not in kinds:
        source.note(at, "a range needs a key of numbers; list its values instead")
        return drawn
    faults_of_low, low = _in_place(baseline, key, drawn.low)
    faults_of_high, high = _in_place(baseline, key, drawn.high)
    source.note((*at, "low"), *faults_of_low)
    source.note((*at, "high"), *faults_of_high)
    step = drawn.step
    if step is not None and int in kinds and not isinstance(step, int):
        source.note((*at, "step"), f"must be a whole number like the key's values, got {shown_value(step)}")
    elif step is not None and not (faults_of_low or faults_of_high):
        source.note((*at, "step"), *_faults_of_step(low, high, step))
    if step is not None and int not in kinds:
        step = float(step)
    return drawn.model_copy(update={"low": low, "high": high, "step": step})


def _faults_of_step(low: float, high: float, step: float) -> list[str]:
    try:
        steps = (high - low) / step
    except OverflowError:  # more than a float can tell
        steps = math.inf
    if not math.isfinite(steps) or abs(steps - round(steps)) >= 1e-6 or (round(steps) == 0 and low != high):
        told = shown_value(step)
        return [f"steps of {told} from {low} do not reach {high}; both ends must be reachable"]
    if round(steps) >= _MOST_STEPS:
        return [f"{steps:.0f} steps are too many; leave it out, or make it larger"]
    return []


def _in_place(baseline: Baseline, key: str, value: Any) -> tuple[list[str], Any]:
    """What the baseline's schema has against this value for the key, and the value in the key's own type."""
    if key == ADAPTER_KIND and value is None:
        return [], None
    section, _, name = key.partition(".")
    before = getattr(baseline, section)
    try:
        changed = before.judged_with({name: value})
    except ValidationError as error:
        written = Source.named(dict(before) | {name: value}, "")
        return [problem.message for problem in explain(error, written, type(before))], value
    return [], functools.reduce(getattr, name.split("."), changed)


def _place_of(key: str, branch: Branch | None, *, drawn: Sequence[Branch], baseline: Baseline) -> Baseline:
    """The baseline in which a value of this key is judged."""
    if key == ADAPTER_KIND:
        return in_branch(baseline, "adapter")
    wanted: Branch = branch or (branch_of(baseline) if branch_of(baseline) in drawn else drawn[0])
    return in_branch(baseline, wanted)
