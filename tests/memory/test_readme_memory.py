"""The README's figures of memory are what the formula says today."""

import re
from pathlib import Path
from typing import Any

import pytest

from raytrain.config.adapter import Adapter
from raytrain.config.baseline import Baseline
from raytrain.config.find import CHECKOUT
from raytrain.config.reader import apply_sample, load_baseline
from raytrain.memory.prediction import Longest, predict

README = (Path(CHECKOUT) / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| \**(\S+?)( with LoRA)?, (\d+) × (\d+)\** \|([^|]+)\|([^|]+)\|([^|]+)\|([^|]+)\|", re.MULTILINE)
ROWS = ROW.findall(README)
COLUMNS = [(30.0, "full", True), (6.0, "condensed", True), (30.0, "full", False), (6.0, "condensed", False)]


def test_the_table_has_a_row_for_each_size_and_for_the_large_ones_with_an_adapter() -> None:
    names = [(name, bool(lora)) for name, lora, *_ in ROWS]
    assert names == [
        *((name, False) for name in ("tiny", "base", "small", "medium", "large-v3", "turbo")),
        *((name, True) for name in ("small", "medium", "large-v3", "turbo")),
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "".join(row[:2]))
def test_every_figure_of_the_table_is_what_is_predicted(row: tuple[str, ...]) -> None:
    name, lora, batch, accumulation, *figures = row
    given = [float(figure.strip(" *")) for figure in figures]
    adapter: dict[str, Any] = {
        "model.adapter": Adapter(),
        "model.base_precision": "bf16",
        "training.precision": "bf16",
        "evaluation.batch_size": 4,
    }
    for figure, (clip_s, window, again) in zip(given, COLUMNS, strict=True):
        change = {
            "training.batch_size": int(batch),
            "training.gradient_accumulation_steps": int(accumulation),
            "training.precision": "fp16",
            "audio.window": window,
            "model.gradient_checkpointing": again,
            **(adapter if lora else {}),
        }
        config = apply_sample(load_baseline(name), change)
        assert figure == round(predict(config, Longest(clip_s, 25)).predicted_memory_gib, 1)


ANSWERS = [
    ("small", {}, 30, 6.1),
    ("medium-lora", {}, 30, 5.2),
    ("turbo-lora", {}, 30, 4.1),
    ("large-v3-lora", {}, 30, 5.1),
    ("large-v3-lora", {"model.gradient_checkpointing": False}, 6, 6.9),
    ("medium", {"training.optimizer": "adamw_8bit", "training.batch_size": 4, "evaluation.batch_size": 4}, 30, 10.6),
    ("medium", {"training.optimizer": "adafactor", "evaluation.batch_size": 8}, 30, 9.9),
    ("turbo", {}, 30, 17.6),
    ("large-v3", {"training.optimizer": "adamw_8bit"}, 30, 20.5),
]


@pytest.mark.parametrize(("name", "change", "clip_s", "gib"), ANSWERS, ids=lambda value: str(value))
def test_every_answer_to_which_whisper_fits_is_what_is_predicted(
    name: str, change: dict[str, Any], clip_s: float, gib: float
) -> None:
    config: Baseline = apply_sample(load_baseline(name), change)
    assert round(predict(config, Longest(clip_s, 64)).predicted_memory_gib, 1) == gib
    assert str(gib) in README
