"""Predicted memory against measured: a grid of step shapes in, a row of figures each out, from the loop that trains.

Each point loads random weights, trains two optimizer steps on silence and decodes one batch, on the device given; what
is predicted for it stands beside what the allocator reserved.
"""

import gc
import itertools
import statistics
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from raytrain.config.baseline import Baseline
from raytrain.config.constants import GIB
from raytrain.memory.prediction import SLACK_GIB, SLACK_SHARE, Longest, PredictedPeak, longest_window_s, predict
from raytrain.training import precision as precisions
from raytrain.training.distributed import OutOfMemory, run_on_all_or_none
from raytrain.training.feed import MicroBatch, StepData
from raytrain.training.loop import train
from raytrain.training.optimizer import make_optimizer
from raytrain.training.peaks import MemoryMeter
from raytrain.training.precision import Asked, Precision
from raytrain.whisper.decoding import transcribe
from raytrain.whisper.variants import VARIANTS
from raytrain.whisper.weights import Whisper, load
from raytrain.whisper.window import frames

_STEPS = 2  # AdamW's moments come with the first, and are there at the peak of the second
_TEXT_TOKEN = 1000
_LABEL_TOKENS = 40
_PRECISIONS: tuple[Asked, ...] = ("bf16", "fp32")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A run whose memory is measured for one row."""

    variant: str
    batch_size: int
    window_s: float
    gradient_checkpointing: bool
    precision: Asked
    accumulation: int = 2
    label_tokens: int = _LABEL_TOKENS

    def baseline(self) -> Baseline:
        """A run of this shape, with dropout, as the shipped baselines have it."""
        return Baseline.model_validate(
            {
                "model": {
                    "variant": self.variant,
                    "pretrained": None,
                    "dropout": 0.1,
                    "gradient_checkpointing": self.gradient_checkpointing,
                },
                "audio": {"window": "fitted", "max_window_s": self.window_s},
                "data": {"max_label_tokens": self.label_tokens},
                "training": {
                    "batch_size": self.batch_size,
                    "gradient_accumulation_steps": self.accumulation,
                    "learning_rate": 1e-5,
                    "max_steps": _STEPS,
                    "precision": self.precision,
                },
                "evaluation": {"batch_size": self.batch_size},
            }
        )


def grid(card_gib: float) -> list[Point]:
    """Points from tiny to medium, at a short window and the full one, that are predicted to take less than four fifths
    of the card."""
    points = (
        Point(variant=variant, batch_size=clips, window_s=window_s, gradient_checkpointing=again, precision=precision)
        for variant, clips, window_s, again, precision in itertools.product(
            ("tiny", "small", "medium"), (1, 4, 12, 32), (5.0, 30.0), (False, True), _PRECISIONS
        )
    )
    return [point for point in points if predict(point.baseline()).predicted_memory_gib < 0.8 * card_gib]


def measure_grid(points: Sequence[Point], *, device: torch.device) -> Iterator[dict[str, Any]]:
    """A row for each point, in order."""
    for point in points:
        yield measure(point, device=device)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def measure(point: Point, *, device: torch.device) -> dict[str, Any]:
    """The row of a point: memory predicted, and on CUDA measured, in training and in scoring."""
    config = point.baseline()
    prediction = predict(config, Longest(label_tokens=point.label_tokens))
    row: dict[str, Any] = {
        **asdict(point),
        "predicted_step_gib": prediction.step_gib,
        "predicted_evaluation_gib": prediction.evaluation_gib,
        "predicted_memory_gib": prediction.predicted_memory_gib,
    }
    try:
        row |= run_on_all_or_none(
            lambda: _measured(config, point, prediction, device), doing="measuring memory", device=device
        )
    except OutOfMemory as error:
        row |= {"outcome": "out_of_memory", "reason": str(error)}
    return row


def _measured(config: Baseline, point: Point, prediction: PredictedPeak, device: torch.device) -> dict[str, Any]:
    precision = precisions.resolve(point.precision, device=device)
    whisper = load(config.model, seed=0)
    whisper.model.to(device)
    meter = MemoryMeter(device)
    _train(whisper, config, precision, label_tokens=point.label_tokens)
    training = meter.peaks()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    meter = MemoryMeter(device)
    _decode(whisper, config, precision, new_tokens=point.label_tokens)
    scoring = meter.peaks()
    reserved_gib, allocated_gib = (training[f"peak_memory_{kind}_gib"] for kind in ("reserved", "allocated"))
    # The context is outside the allocator, on both sides of the ratio.
    predicted_gib = prediction.step_gib * (1 + SLACK_SHARE) + SLACK_GIB
    return {
        "outcome": "completed",
        "precision_used": precision.name,
        "training": training,
        "scoring": scoring,
        "context_gib": _context_gib(device),
        "ratio": None if reserved_gib is None else predicted_gib / reserved_gib,
        "ratio_of_live_tensors": None if allocated_gib is None else prediction.step_gib / allocated_gib,
    }


def _train(whisper: Whisper, config: Baseline, precision: Precision, *, label_tokens: int) -> None:
    window_s, accumulation = longest_window_s(config), config.training.gradient_accumulation_steps
    examples = config.training.batch_size * accumulation
    silence = MicroBatch(
        _silence(config, config.training.batch_size),
        torch.full((config.training.batch_size, label_tokens), _TEXT_TOKEN),
    )
    steps = train(
        whisper,
        [
            StepData(step, examples, examples * label_tokens, window_s, [silence] * accumulation)
            for step in range(_STEPS)
        ],
        make_optimizer(whisper.model.named_parameters(), config.training),
        precision.gradient_scaler(),
        training=config.training,
        precision=precision,
        learning_rate=lambda step: config.training.learning_rate,
    )
    deque(steps, maxlen=0)


def _decode(whisper: Whisper, config: Baseline, precision: Precision, *, new_tokens: int) -> None:
    mel = _silence(config, config.evaluation.batch_size)
    whisper.model.eval()
    with torch.no_grad(), precision.autocast():
        transcribe(whisper, mel.to(precision.device), num_beams=1, max_new_tokens=new_tokens)


def _silence(config: Baseline, clips: int) -> torch.Tensor:
    return torch.zeros(clips, VARIANTS[config.model.variant].num_mel_bins, frames(longest_window_s(config)))


def _context_gib(device: torch.device) -> float | None:
    """The memory of the card that neither is free nor PyTorch's: the context, where nobody else uses the card."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return (total - free - torch.cuda.memory_reserved(device)) / GIB


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The ratios of predicted to measured memory, of the rows that have both."""
    ratios = [row["ratio"] for row in rows if row.get("ratio") is not None]
    median = statistics.median(ratios) if ratios else None
    return {"points": len(ratios), "min": min(ratios, default=None), "median": median, "max": max(ratios, default=None)}
