"""Nested values in, flat ones out: what trackers can plot, filter and sort."""

import math
from collections.abc import Mapping
from typing import Any

from raytrain.config.dump import flat


def flat_row(row: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a row, tables of numbers by `name/key`: {"wer_by_age_bucket/5-7": 0.2}."""
    return {key: value for key, value in flat(row, separator="/").items() if _is_number(value)}


def flat_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as in a row, and what else is a single value: texts, switches and null."""
    single = {key: value for key, value in summary.items() if value is None or isinstance(value, str | bool)}
    return {**single, **flat_row(summary)}


def folder_name(name: str) -> str:
    """A run's name as the name of a folder: what a path may not hold becomes a dash."""
    return "".join(letter if letter.isalnum() or letter in "-_=.+" else "-" for letter in name).lstrip(".") or "run"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
