"""The memory formula against the real step on fake tensors, and the tracker against what it must show."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from step_trace import trace_step

from raytrain.config.constants import GIB
from raytrain.memory.step_peak import step_peak
from raytrain.memory.step_shape import StepShape
from raytrain.training.feed import MicroBatch
from raytrain.training.loop import token_loss_sum
from raytrain.whisper.variants import VARIANTS
from raytrain.whisper.weights import Whisper

SOAK_RESULT = Path("results/bench/soak-memory-trace.json")


def loop_loss(model: Any, mel: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The training loop's own, as it divides by the tokens of an effective batch."""
    whisper = Whisper(model, tokenizer=None, prompt=(), trained_window="full", source=None)
    return token_loss_sum(whisper, MicroBatch(mel, labels), device=torch.device("cpu")) / labels.numel()


def step(variant: str, clips: int, window_s: float, tokens: int, **more: Any) -> StepShape:
    return StepShape(
        variant=VARIANTS[variant],
        batch_size=clips,
        window_s=window_s,
        label_tokens=tokens,
        **{"precision": "bf16", **more},
    )


AGAIN = {"gradient_checkpointing": True}
QUICK = [
    step("tiny", 12, 30, 25),
    step("tiny", 12, 30, 25, **AGAIN),
    step("tiny", 36, 2, 448, precision="fp16"),
    step("tiny", 2, 2, 25, precision="fp32", accumulates=False),
    step("base", 8, 8, 60, freeze_encoder=True, dropout=0.1),
    step("base", 8, 30, 100, **AGAIN, precision="fp32", dropout=0.1, accumulates=False),
]

SHAPES: list[Callable[[str], StepShape]] = [
    lambda variant: step(variant, 12, 30, 25),
    lambda variant: step(variant, 12, 30, 25, **AGAIN),
    lambda variant: step(variant, 1, 2, 25),
    lambda variant: step(variant, 36, 5, 25, precision="fp16"),
    lambda variant: step(variant, 36, 30, 448, **AGAIN),
    lambda variant: step(variant, 4, 8, 100, freeze_encoder=True),
    lambda variant: step(variant, 12, 30, 448),
    lambda variant: step(variant, 8, 10, 60, **AGAIN, precision="fp32"),
    lambda variant: step(variant, 24, 5, 200, precision="fp32"),
    lambda variant: step(variant, 6, 30, 64, **AGAIN, freeze_encoder=True, precision="fp32"),
    lambda variant: step(variant, 12, 15, 448, precision="fp16", dropout=0.1),
    lambda variant: step(variant, 2, 5, 25, accumulates=False),
    lambda variant: step(variant, 16, 8, 50, **AGAIN, precision="fp16", dropout=0.1, accumulates=False),
]


@pytest.mark.parametrize("shape", QUICK, ids=str)
def test_the_formula_is_within_two_percent_below_and_eight_above_the_tracker(shape: StepShape) -> None:
    assert 0.98 <= step_peak(shape).total / trace_step(shape, loop_loss).peak_bytes <= 1.08


def test_fake_tensors_are_counted_like_real_ones() -> None:
    shape = step("tiny", 1, 2, 10, **AGAIN, dropout=0.1)
    fake, real = trace_step(shape, loop_loss), trace_step(shape, loop_loss, fake=False)
    assert fake.phases == pytest.approx(real.phases, rel=1e-6)  # real labels and losses are a few numbers more


def test_after_a_micro_batch_a_trained_parameter_takes_sixteen_bytes_and_a_frozen_one_four() -> None:
    shape = step("tiny", 1, 2, 10, freeze_encoder=True, precision="fp32")
    expected = 16 * shape.variant.decoder_parameters + 4 * shape.variant.encoder_parameters
    # The update also holds the norm of every gradient, some bytes each.
    assert trace_step(shape, loop_loss).phases["update"] == pytest.approx(expected, rel=1e-4)


def test_gradient_checkpointing_saves_more_than_half_of_small_at_thirty_seconds() -> None:
    with_it, without = (step_peak(step("small", 12, 30, 25, gradient_checkpointing=again)) for again in (True, False))
    assert with_it.total < 0.45 * without.total


@pytest.mark.soak
def test_every_ratio_of_the_whole_grid_is_between_0_98_and_1_08() -> None:
    shapes = [shape(variant) for variant in VARIANTS for shape in SHAPES]
    rows = [compared(shape) for shape in shapes]
    ratios = sorted(row["ratio"] for row in rows)
    summary = {"points": len(rows), "min": ratios[0], "median": ratios[len(rows) // 2], "max": ratios[-1]}
    SOAK_RESULT.parent.mkdir(parents=True, exist_ok=True)
    SOAK_RESULT.write_text(json.dumps({"summary": summary, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    assert len(rows) >= 60
    assert ratios[0] >= 0.98
    assert ratios[-1] <= 1.08


def compared(shape: StepShape) -> dict[str, Any]:
    traced = trace_step(shape, loop_loss)
    formula = step_peak(shape).total
    return {
        "variant": shape.variant.name,
        **{name: getattr(shape, name) for name in StepShape.__dataclass_fields__ if name != "variant"},
        "formula_gib": formula / GIB,
        "tracker_gib": traced.peak_bytes / GIB,
        "tracker_phases_gib": {phase: peak / GIB for phase, peak in traced.phases.items()},
        "ratio": formula / traced.peak_bytes,
    }
