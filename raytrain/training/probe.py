"""Whether a run fits: its model and largest micro-batch in; nothing, or OutOfMemory, out. In seconds, before any step.

The run is not changed by it: no weight, no moment and no random number moves.
"""

import torch

from raytrain.config.constants import FRAMES_PER_SECOND
from raytrain.training.distributed import run_on_all_or_none
from raytrain.training.feed import MicroBatch
from raytrain.training.loop import token_loss_sum, window_of
from raytrain.training.precision import Precision
from raytrain.whisper.weights import Whisper


def probe_training(
    whisper: Whisper, optimizer: torch.optim.Optimizer, largest: MicroBatch, *, moments: int, precision: Precision
) -> None:
    """Try two micro-steps over the largest micro-batch, the second beside the gradients of the first.

    `moments` is how many tensors of a weight's size the optimizer will keep for each.
    """
    device = precision.device
    clips, _, frames = largest.mel.shape
    doing = (
        f"before the first step, {clips} clips at an audio window of {frames / FRAMES_PER_SECOND:g} s "
        f"with {largest.labels.shape[1]} label tokens"
    )
    was_training = whisper.model.training
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            run_on_all_or_none(
                lambda: _two_micro_steps(whisper, optimizer, largest, moments=moments, precision=precision),
                doing=doing,
                device=device,
            )
    finally:
        optimizer.zero_grad(set_to_none=True)
        whisper.model.train(was_training)


def _two_micro_steps(
    whisper: Whisper, optimizer: torch.optim.Optimizer, batch: MicroBatch, *, moments: int, precision: Precision
) -> None:
    parameters = [parameter for parameter in whisper.model.parameters() if parameter.requires_grad]
    # An optimizer makes its moments in the first step, which is not taken here; a resumed run has them.
    reserved = [] if optimizer.state else [torch.empty_like(parameter) for parameter in parameters * moments]
    whisper.model.train()
    for _ in range(2):
        with window_of(whisper, batch):
            with precision.autocast():
                loss = token_loss_sum(whisper, batch, device=precision.device)
            loss.backward()
    del reserved
