"""A small manifest of a few children, and runs begun on it, without weights and without Ray."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recordings import row, tone

from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline, load_space
from raytrain.results.description import Description
from raytrain.study.history import History
from raytrain.trial.inputs import inputs_of

Line = dict[str, Any]


def spoken(folder: Path, children: Iterable[str], *, each: int = 3) -> list[Line]:
    """Lines of a manifest and their files in its folder: each clip of another sound. A child is a letter."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        row(
            folder,
            f"{child}{n}",
            tone(0.2, hz=200 + 37 * (sum(child.encode()) % 50) + 3 * n),
            child_id=f"child_{child}",
        )
        for child in children
        for n in range(each)
    ]


def write(path: Path, lines: list[Line]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def settings(manifest: Path | str, *overrides: str) -> Baseline:
    asked = ("model.pretrained=null", f"data.train_manifest={manifest}", "data.validation_ratio=0.3", *overrides)
    return load_baseline("tiny", list(asked))


def begun_fit(folder: Path, config: Baseline) -> Description:
    """A fit as its door leaves it before the first step."""
    inputs = inputs_of(config)
    description = Description(baseline_name="tiny", baseline=config, data=inputs.described())
    inputs.write_listing(folder)
    description.write(folder)
    return description


def begun_study(folder: Path, config: Baseline) -> Description:
    """A study as its door leaves it once its first trial has started."""
    inputs = inputs_of(config)
    space = load_space("smoke", baseline=config)
    description = Description(
        baseline_name="tiny", baseline=config, space_name="smoke", space=space, data=inputs.described()
    )
    inputs.write_listing(folder)
    description.write(folder)
    history = History(folder, description)
    history.start(history.axes.baseline_sample)
    return description
