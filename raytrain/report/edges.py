"""A best value at the end of what could be drawn: a study's results in; which to widen, and by which command, out.

That the best lies at an end is not enough: somebody's best of a few draws lies there by chance. Its trials must show
that the error rate falls towards that end.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

from raytrain.config.branches import branch_of, drawn_of
from raytrain.config.reader import change
from raytrain.config.space import ByBranch, Choice, Range, Scalar
from raytrain.errors import InputError
from raytrain.report.next_steps import asked_anew, place_of
from raytrain.results.choose import is_own_training
from raytrain.results.study_results import StudyResults
from raytrain.results.wording import key_name, short

_FEW = 3
"""Trials near the end, and trials elsewhere, that it takes to see anything."""
_NEAR = 2 / 3
"""The third of the range that is nearest to an end counts as near it."""
_MOSTLY = 0.75
"""Of all pairs of a trial near the end and one elsewhere, in so many the one near it must have the lower rate."""


def edges(study: StudyResults, *, place: str | None = None) -> list[tuple[str, str | None]]:
    """A sentence for each value of the best trial that is worth widening, with the command that does it; None for the
    command where the study's own is not known. `place` is the study's folder as the command names it."""
    best = study.best
    if best is None:
        return []
    branch = branch_of(best.config)
    found = []
    for key, asked in study.vary.items():
        allowed, value = drawn_of(key, asked, branch), best.sample.get(key)
        if allowed is None or not _is_number(value):
            continue
        upper = _at_end(value, allowed)
        if upper is None or not _falls_towards(study, key, allowed, upper=upper):
            continue
        override = _widened(key, allowed, upper=upper, branch=branch if isinstance(asked, ByBranch) else None)
        if override is None or not _is_accepted(study, override):
            continue
        low, high = _ends(allowed)
        end = "upper" if upper else "lower"
        told = (
            f"The best {key_name(key)}, {short(value)}, is at the {end} end of its range, {short(low)} to {short(high)}"
        )
        sentence = f"{told}, and the {study.rate} falls towards it: widen it."
        found.append((sentence, asked_anew(study, [override], place=place or place_of(study))))
    return found


def _at_end(value: float, allowed: Choice | Range) -> bool | None:
    """Whether a value is at the upper end, or at the lower one; None where it is at neither."""
    low, high = _ends(allowed)
    if low == high:
        return None
    # A continuous draw hits an end with probability nought: the last fiftieth counts as the end.
    near = 0.0 if isinstance(allowed, Choice) else 0.02
    share = _share(value, low, high, log=isinstance(allowed, Range) and allowed.log)
    if share >= 1 - near:
        return True
    return False if share <= near else None


def _falls_towards(study: StudyResults, key: str, allowed: Choice | Range, *, upper: bool) -> bool:
    """Whether the trials near this end mostly have a lower rate than those elsewhere."""
    low, high = _ends(allowed)
    branch = None if study.best is None else branch_of(study.best.config)
    # By doublings, as sizes and rates are told apart: else all values of a list from 1 to 32 but two lie near its low.
    log = low > 0 and (isinstance(allowed, Choice) or allowed.log)
    near, elsewhere = list[float](), list[float]()
    for one in study.scored():
        if not is_own_training(one) or branch_of(one.config) != branch:
            continue
        share = _share(float(one.config.value_at(key)), low, high, log=log)
        (near if (share if upper else 1 - share) >= _NEAR else elsewhere).append(one.eval_wer or 0.0)
    pairs = [(ours, theirs) for ours in near for theirs in elsewhere]
    lower = sum(ours < theirs for ours, theirs in pairs)
    return min(len(near), len(elsewhere)) >= _FEW and lower >= _MOSTLY * len(pairs)


def _widened(key: str, allowed: Choice | Range, *, upper: bool, branch: str | None) -> str | None:
    """The override that goes on beyond an end, about as far again as the values go apart there; None where nothing lies
    beyond."""
    where = f"vary.{key}{'' if branch is None else f'.{branch}'}"
    if isinstance(allowed, Choice):
        numbers = sorted({float(one) for one in allowed.values if _is_number(one)})
        beyond = _further(numbers if upper else numbers[::-1], whole=_are_whole(allowed.values))
        if beyond is None:
            return None
        values = [*allowed.values, beyond] if upper else [beyond, *allowed.values]
        return f"{where}.values=[{', '.join(map(_yaml, values))}]"
    low, high = allowed.low, allowed.high
    if allowed.log:
        end = high * 2 if upper else low / 2
    else:
        step = allowed.step or (high - low) / 2
        steps = max(1, round((high - low) / 2 / step))
        end = high + steps * step if upper else max(low - steps * step, 0)
    if _are_whole([low, high]):
        end = math.ceil(end) if upper else math.floor(end)
    if end == (high if upper else low) or (allowed.log and end <= 0):
        return None
    return f"{where}.{'high' if upper else 'low'}={_yaml(end)}"


def _further(numbers: Sequence[float], *, whole: bool) -> float | None:
    """The next number of a list, by the ratio of the last two, or by their difference where one of them is 0."""
    before, last = numbers[-2:]
    beyond = last * last / before if before > 0 and last > 0 else last + (last - before)
    if whole:
        beyond = math.ceil(beyond) if last > before else math.floor(beyond)
    return None if beyond < 0 or beyond == last or (last > 0 and beyond == 0) else beyond


def _is_accepted(study: StudyResults, override: str) -> bool:
    """Whether a space with this override is one: a share is never above 1, say, and nobody hears less than a clip."""
    description = study.description
    try:
        change(description.baseline, description.asked, [override], file=Path(description.file_name))
    except InputError:
        return False
    return True


def _ends(allowed: Choice | Range) -> tuple[float, float]:
    if isinstance(allowed, Range):
        return allowed.low, allowed.high
    numbers = [one for one in allowed.values if _is_number(one)]
    return min(numbers, default=0), max(numbers, default=0)


def _share(value: float, low: float, high: float, *, log: bool) -> float:
    """Where a value lies from low, 0, to high, 1."""
    if log:
        value, low, high = (math.log(max(each, 1e-300)) for each in (value, low, high))
    return (value - low) / (high - low)


def _are_whole(values: Sequence[Scalar]) -> bool:
    return all(isinstance(one, int) for one in values if _is_number(one))


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _yaml(value: Scalar) -> str:
    if _is_number(value):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    return json.dumps(value)
