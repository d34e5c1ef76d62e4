"""A search space and its baseline in; what cannot work out, and the space in the types of the keys it varies."""

import bisect
import itertools
import math
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from raytrain.config.baseline import FACTORS, Baseline
from raytrain.config.explain import alternatives, did_you_mean, explain, known_keys, shown_value, unknown_key
from raytrain.config.source import Source
from raytrain.config.space import Choice, Range, Scalar, SearchSpace, Variation

_MOST_SPLITS = 4000
"""Of the effective batch: at each proposal they are gone through, and each is a row of a plan."""
_MOST_STEPS = 100_000
_ALSO = "also."
_VARIATION: TypeAdapter[Choice | Range] = TypeAdapter(Variation)


def check_keys(source: Source) -> None:
    """Note each `vary` key that no baseline has. What it holds is then not judged: one fault is enough for it.

    What `keep` says of also.NAME is put where the schema has it, below `also`.
    """
    _undot(source)
    for key in _vary(source):
        if fault := _no_such_key(key):
            source.note(("vary", key), fault)
            source.tree["vary"][key] = {"values": [None]}


def _undot(source: Source) -> None:
    keep = source.tree.get("keep")
    if not isinstance(keep, dict) or not isinstance(keep.get("also", {}), dict):
        return
    for key in [key for key in keep if isinstance(key, str) and key.startswith(_ALSO) and key != _ALSO]:
        name = key.removeprefix(_ALSO)
        keep.setdefault("also", {})[name] = keep.pop(key)
        source.places |= {
            ("keep", "also", name, *at[2:]): place for at, place in source.places.items() if at[:2] == ("keep", key)
        }


def check_space(source: Source, space: SearchSpace | None, *, baseline: Baseline) -> SearchSpace | None:
    """The space in the types of the keys it varies. Noted is each fault that the schema of search spaces alone cannot
    see; `space` is None where that schema refused it."""
    vary = {key: _checked(source, key, form, baseline) for key, form in _vary(source).items() if key in baseline_keys()}
    if space is None:
        return None
    _check_rungs(source, space)
    if not source.problems:
        space = space.model_copy(update={"vary": vary})
        _check_splits(source, space, baseline)
        _check_rates(source, space, baseline)
    if not source.problems:
        _check_keep(source, space, baseline)
        _check_also(source, space, baseline)
    return space


def _check_rates(source: Source, space: SearchSpace, baseline: Baseline) -> None:
    """One study minimises one number: a rate of words is no rival of a rate of characters."""
    keys = [key for key in ("language", "task") if f"model.{key}" in space.vary]
    values = [_values_of(space.vary[f"model.{key}"]) for key in keys]
    rates = {baseline.model.rate(): baseline.model.language}
    for sample in itertools.product(*values):
        model = baseline.model.model_copy(update=dict(zip(keys, sample, strict=True)))
        rates.setdefault(model.rate(), model.language)
    if len(rates) > 1:
        by = " and ".join(f"{language} by {rate}" for rate, language in rates.items())
        source.note(("vary", f"model.{keys[0]}"), f"is judged by two rates, {by}; make a study of each")


def _values_of(variation: Variation) -> list[Scalar]:
    return list(variation.values) if isinstance(variation, Choice) else []


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


def _checked(source: Source, key: str, written: Any, baseline: Baseline) -> Choice | Range | None:
    try:
        variation = _VARIATION.validate_python(written)
    except ValidationError:
        return None  # the validation of the whole space says why
    if isinstance(variation, Choice):
        return _check_choice(source, key, variation, baseline)
    return _check_range(source, key, variation, baseline)


def _check_choice(source: Source, key: str, choice: Choice, baseline: Baseline) -> Choice:
    values: list[Scalar] = []
    seen: set[Scalar] = set()
    for n, value in enumerate(choice.values):
        faults, value = _in_place(baseline, key, value)
        if not faults and value in seen:
            faults = [f"{shown_value(value)} is listed twice"]
        source.note(("vary", key, "values", n), *faults)
        seen.add(value)
        values.append(value)
    return choice.model_copy(update={"values": values})


def _check_range(source: Source, key: str, drawn: Range, baseline: Baseline) -> Range:
    at = ("vary", key)
    section, name = key.split(".")
    kinds = alternatives(type(getattr(baseline, section)).model_fields[name].annotation)
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
    section, name = key.split(".")
    before = getattr(baseline, section)
    values = dict(before) | {name: value}
    try:
        return [], getattr(before.model_validate(values), name)
    except ValidationError as error:
        return [problem.message for problem in explain(error, Source.named(values, ""), type(before))], value


def _check_rungs(source: Source, space: SearchSpace) -> None:
    first, most = space.scheduler.first_rung_examples, space.budget.examples
    if space.scheduler.name != "none" and most is not None and first >= most:
        source.note(
            ("scheduler", "first_rung_examples"),
            f"{first} is not below budget.examples, {most}: no trial would ever be stopped; "
            "lower it, or set scheduler.name to none",
        )


def _check_splits(source: Source, space: SearchSpace, baseline: Baseline) -> None:
    """Note a space whose splits of the effective batch are more than can be gone through at each proposal."""
    sizes = [len(_sizes(space, baseline, key)) for key in _varied(space)]
    if math.prod(sizes[:-1]) > _MOST_SPLITS or _num_splits(space, baseline) > _MOST_SPLITS:
        source.note(
            ("vary",),
            f"{' × '.join(_varied(space))}: more than {_MOST_SPLITS} ways to split the effective batch; "
            "list fewer values, lower high, give a step, or narrow keep.effective_batch_size",
        )


def _varied(space: SearchSpace) -> Sequence[str]:
    """The factors of the effective batch that vary; the last of all where none does."""
    return [key for key in FACTORS if key in space.vary] or FACTORS[-1:]


def _num_splits(space: SearchSpace, baseline: Baseline) -> int:
    """How many choices of the factors lie within what the space keeps; the values of the last are never walked."""
    bounds, varied = space.keep.effective_batch_size, _varied(space)
    *others, last = (_sizes(space, baseline, key) for key in varied)
    if bounds is None:
        return math.prod(map(len, others)) * len(last)
    fixed = math.prod(baseline.value_at(key) for key in FACTORS if key not in varied)
    products = [fixed * math.prod(chosen) for chosen in itertools.product(*others)]
    return sum(
        bisect.bisect_right(last, bounds.high // product) - bisect.bisect_left(last, -(-bounds.low // product))
        for product in products
    )


def _check_keep(source: Source, space: SearchSpace, baseline: Baseline) -> None:
    bounds = space.keep.effective_batch_size
    if bounds is None:
        return
    at = ("keep", "effective_batch_size")
    if not bounds.low <= (size := baseline.effective_batch_size()) <= bounds.high:
        source.note(
            at,
            f"the baseline's effective batch size, {size}, lies outside {bounds.low} to {bounds.high}, and it is "
            "trial 0; widen keep, or change the baseline's training.batch_size or gradient_accumulation_steps",
        )
    if not _num_splits(space, baseline):
        sizes = [_sizes(space, baseline, key) for key in FACTORS]
        low, high = math.prod(size[0] for size in sizes), math.prod(size[-1] for size in sizes)
        source.note(
            at,
            f"no sample lies within {bounds.low} to {bounds.high}: "
            f"the effective batch sizes of this space go from {low} to {high}",
        )


def _check_also(source: Source, space: SearchSpace, baseline: Baseline) -> None:
    """Note each bound on a set that is never scored."""
    known = baseline.evaluation.also
    for name in space.keep.also:
        if name not in known:
            sets = f"evaluation.also has {', '.join(known)}" if known else "evaluation.also names none"
            source.note(
                ("keep", "also", name),
                f"no such set is scored: {sets}; add evaluation.also.{name}=MANIFEST, or leave it out",
            )


def _sizes(space: SearchSpace, baseline: Baseline, key: str) -> Sequence[int]:
    """The values one factor of the effective batch size can take, in order."""
    match space.vary.get(key):
        case Choice(values=values):
            return sorted(value for value in values if isinstance(value, int))
        case Range(low=low, high=high, step=step):
            return range(int(low), int(high) + 1, int(step or 1))
    return [baseline.value_at(key)]
