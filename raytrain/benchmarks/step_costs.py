"""What steps of growing windows cost, in a process of its own: a Ladder as JSON on the command line in, seconds out.

python -m raytrain.benchmarks.step_costs '{"model": ..., ...}'
"""

import json
import sys
from collections import deque
from dataclasses import dataclass

import torch

from raytrain.benchmarks.work import Clock
from raytrain.cli import run_door
from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline
from raytrain.training import precision as precisions
from raytrain.training.feed import MicroBatch, StepData
from raytrain.training.loop import train
from raytrain.training.optimizer import make_optimizer
from raytrain.training.precision import Precision
from raytrain.whisper import weights
from raytrain.whisper.weights import Whisper
from raytrain.whisper.window import frames

_TEXT_TOKEN = 1000


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """Steps of one micro-batch each, in windows of several lengths."""

    model: str
    """A folder of weights."""
    variant: str
    batch_size: int
    windows_s: list[float]
    label_tokens: int
    repeats: int
    """Steps in each window of which the cheapest counts: the others met with more of the machine's other work. One
    before them does not count, since it makes what later ones find."""
    threads: int


def measure(ladder: Ladder) -> list[float]:
    """The seconds of a step in each window, its data at hand: CPU seconds on a CPU."""
    overrides = f"model.pretrained={ladder.model}", f"model.variant={ladder.variant}"
    config = load_baseline("tiny", [*overrides, f"training.batch_size={ladder.batch_size}"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = precisions.resolve("auto" if device.type == "cuda" else "fp32", device=device)
    whisper = weights.load(config.model, seed=0)
    whisper.model.to(device)
    optimizer = make_optimizer(whisper.model.named_parameters(), config.training)
    found = []
    for window_s in ladder.windows_s:
        step = _noise(whisper, window_s, ladder)
        taken = [_seconds(whisper, step, optimizer, config, precision) for _ in range(1 + ladder.repeats)]
        found.append(min(taken[1:]))
    return found


def _noise(whisper: Whisper, window_s: float, ladder: Ladder) -> StepData:
    """A step of noise: to its cost no other sound is different."""
    size = ladder.batch_size, whisper.model.config.num_mel_bins, frames(window_s)
    mel = torch.randn(size, generator=torch.Generator().manual_seed(0))
    labels = torch.full((ladder.batch_size, ladder.label_tokens), _TEXT_TOKEN)
    tokens = ladder.batch_size * ladder.label_tokens
    return StepData(0, ladder.batch_size, tokens, window_s, [MicroBatch(mel, labels)])


def _seconds(
    whisper: Whisper, step: StepData, optimizer: torch.optim.Optimizer, config: Baseline, precision: Precision
) -> float:
    with Clock() as clock:
        steps = train(
            whisper,
            [step],
            optimizer,
            precision.gradient_scaler(),
            training=config.training,
            precision=precision,
            learning_rate=lambda step: config.training.learning_rate,
        )
        deque(steps, maxlen=0)
    return clock.wall_s if precision.device.type == "cuda" else clock.cpu_s


def _told() -> None:
    ladder = Ladder(**json.loads(sys.argv[1]))
    torch.set_num_threads(ladder.threads)
    print(json.dumps({"seconds": measure(ladder)}))


if __name__ == "__main__":
    run_door(_told)
