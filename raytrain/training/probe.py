"""Whether a run fits: its model and largest batches in; nothing, or OutOfMemory, out. In seconds, before any step.

The run is not changed by it: no weight, no moment and no random number moves.
"""

import numpy as np
import torch

from raytrain.config.baseline import Baseline
from raytrain.config.constants import FRAMES_PER_SECOND
from raytrain.speech.corpus import Corpus
from raytrain.training.distributed import run_on_all_or_none, world_size
from raytrain.training.evaluation import evaluate
from raytrain.training.feed import MicroBatch
from raytrain.training.loop import token_loss_sum
from raytrain.training.peaks import MemoryMeter
from raytrain.training.precision import Precision
from raytrain.whisper.weights import Whisper
from raytrain.whisper.window import audio_window


def probe_memory(
    whisper: Whisper,
    optimizer: torch.optim.Optimizer,
    largest: MicroBatch,
    *,
    corpus: Corpus,
    scored: np.ndarray,
    config: Baseline,
    precision: Precision,
    memory: MemoryMeter,
) -> None:
    """Try two micro-steps over the largest micro-batch, the second beside the gradients of the first; then evaluate
    the batch with the longest of the clips that are scored.

    The peaks stay in what the run measures: it has to have room for them, also when it is stopped early.
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
                lambda: _two_micro_steps(
                    whisper, optimizer, largest, moments=config.training.moments(), precision=precision
                ),
                doing=doing,
                device=device,
            )
    finally:
        optimizer.zero_grad(set_to_none=True)
        whisper.model.train(was_training)
    longest = np.argsort(corpus.durations_s[scored], kind="stable")[-config.evaluation.batch_size * world_size() :]
    with memory.phase("evaluate"):
        evaluate(
            whisper,
            corpus,
            scored[longest],
            audio=config.audio,
            evaluation=config.evaluation,
            window=config.audio.window,
            precision=precision,
        )


def _two_micro_steps(
    whisper: Whisper, optimizer: torch.optim.Optimizer, batch: MicroBatch, *, moments: int, precision: Precision
) -> None:
    parameters = [parameter for parameter in whisper.model.parameters() if parameter.requires_grad]
    # An optimizer makes its moments in the first step, which is not taken here; a resumed run has them.
    reserved = [] if optimizer.state else [torch.empty_like(parameter) for parameter in parameters * moments]
    whisper.model.train()
    for _ in range(2):
        with audio_window(whisper.model, batch.mel.shape[-1]):
            with precision.autocast():
                loss = token_loss_sum(whisper, batch, device=precision.device)
            loss.backward()
    del reserved
