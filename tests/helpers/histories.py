"""The history of a study in a folder, with nothing in it yet."""

from pathlib import Path
from typing import Any

from raytrain.config.reader import load_baseline
from raytrain.config.space import SearchSpace
from raytrain.results.description import Description
from raytrain.study.history import History

BATCH = "training.batch_size"
TINY = load_baseline("tiny")
"""Whose batch of 8 lies outside the space."""


def description(**search: Any) -> Description:
    space = SearchSpace.model_validate({"vary": {BATCH: {"values": [2, 4]}}, "search": search})
    return Description(baseline_name="tiny", baseline=TINY, space_name="batches", space=space)


def history(folder: Path, **search: Any) -> History:
    return History(folder, description(**search))
