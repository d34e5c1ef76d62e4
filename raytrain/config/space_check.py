"""A search space and its baseline in; what cannot work out, and the space in the types of the keys it varies."""

import bisect
import itertools
import math
from collections.abc import Sequence
from typing import Any

from raytrain.config.baseline import FACTORS, Baseline
from raytrain.config.branch_check import check_branches
from raytrain.config.branches import values_listed
from raytrain.config.explain import did_you_mean, known_keys, unknown_key
from raytrain.config.source import Source
from raytrain.config.space import Choice, Range, SearchSpace
from raytrain.config.vary_check import checked

_MOST_SPLITS = 4000
"""Of the effective batch: at each proposal they are gone through, and each is a row of a plan."""
_ALSO = "also."


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
    vary = {
        key: checked(source, key, form, vary=_vary(source), baseline=baseline)
        for key, form in _vary(source).items()
        if key in baseline_keys()
    }
    if space is None:
        return None
    _check_rungs(source, space)
    if not source.problems:
        space = space.model_copy(update={"vary": vary})
        check_branches(source, space, baseline)
    if not source.problems:
        _check_splits(source, space, baseline)
        _check_rates(source, space, baseline)
    if not source.problems:
        _check_keep(source, space, baseline)
        _check_also(source, space, baseline)
    return space


def _check_rates(source: Source, space: SearchSpace, baseline: Baseline) -> None:
    """One study minimises one number: a rate of words is no rival of a rate of characters."""
    keys = [key for key in ("language", "task") if f"model.{key}" in space.vary]
    values = [values_listed(space.vary[f"model.{key}"]) for key in keys]
    rates = {baseline.model.rate(): baseline.model.language}
    for sample in itertools.product(*values):
        model = baseline.model.model_copy(update=dict(zip(keys, sample, strict=True)))
        rates.setdefault(model.rate(), model.language)
    if len(rates) > 1:
        by = " and ".join(f"{language} by {rate}" for rate, language in rates.items())
        source.note(("vary", f"model.{keys[0]}"), f"is judged by two rates, {by}; make a study of each")


def baseline_keys() -> list[str]:
    """Every key that may vary, as `section.key`, or `section.key.key` below a section within one."""
    return [key for section in Baseline.model_fields for key in _keys_below(section)]


def _keys_below(section: str) -> list[str]:
    """The keys of a section and of those in it, each whole."""
    found = []
    for key in _keys_of(section):
        whole = f"{section}.{key}"
        found += _keys_below(whole) or [whole]
    return found


def _keys_of(section: str) -> list[str]:
    return known_keys(Baseline, tuple(section.split("."))) or []


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
