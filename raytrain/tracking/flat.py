"""Nested values in, flat ones out: what trackers can plot, filter and sort."""

import math
from collections.abc import Mapping
from typing import Any


def flat_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """{"training": {"batch_size": 8}} becomes {"training.batch_size": 8}, the name it has in files and sweeps."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat.update({f"{key}.{inner}": item for inner, item in flat_config(value).items()})
        else:
            flat[key] = value
    return flat


def flat_row(row: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a row, tables of numbers by `name/key`: {"wer_by_age_bucket/5-7": 0.2}."""
    flat: dict[str, float] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat.update({f"{key}/{inner}": item for inner, item in flat_row(value).items()})
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            flat[key] = value
    return flat


def flat_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as in a row, and what else is one value: texts, switches and nothing."""
    single = {key: value for key, value in summary.items() if value is None or isinstance(value, str | bool)}
    return {**single, **flat_row(summary)}


def folder_name(name: str) -> str:
    """A run's name as one folder below another."""
    return "".join(letter if letter.isalnum() or letter in "-_=.+" else "-" for letter in name).lstrip(".") or "run"
