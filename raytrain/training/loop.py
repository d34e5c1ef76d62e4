"""The training loop. In: a model, an optimizer and the data of each step. Out: StepProgress after every optimizer step.

It knows no schedule of evaluations, no files and no Ray: whoever iterates decides what to do with the progress.

Several workers use no DistributedDataParallel. The last effective batch of an epoch may leave a rank with fewer
micro-batches, or with none, and DDP's hooks would wait for the missing backward passes; it also averages over ranks,
where token losses must be summed and divided by the tokens of the whole effective batch. So every rank adds up its own
gradients, and they are summed over ranks once a step.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from raytrain.config.baseline import Training
from raytrain.config.random_streams import RandomStream
from raytrain.training.distributed import rank, run_on_all_or_none, sum_gradients, sum_over_ranks
from raytrain.training.feed import IGNORED, MicroBatch, StepData
from raytrain.training.precision import Precision
from raytrain.training.repeatable import repeatable
from raytrain.whisper.lookup import decoder_inputs
from raytrain.whisper.weights import Whisper
from raytrain.whisper.window import audio_window


class Diverged(Exception):  # an outcome, not an error
    """The loss or the gradient is not finite: a fact about the sample. Raised on every rank."""


@dataclass(frozen=True, slots=True)
class StepProgress:
    """What came of one optimizer step, over all ranks."""

    step: int
    """Optimizer steps done, this one included."""
    examples: int
    """Utterances in the effective batch."""
    tokens: int
    """Label tokens in the effective batch."""
    train_loss: float
    """Mean loss over the label tokens of the effective batch."""
    learning_rate: float
    grad_norm: float
    """The gradient's norm before clipping."""
    seconds: float
    """Wall-clock seconds of the step, its data included."""
    waited_s: float
    """Of these the seconds in which nothing was done but to wait for its data."""


def train(
    whisper: Whisper,
    steps: Iterable[StepData],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    *,
    training: Training,
    precision: Precision,
    learning_rate: Callable[[int], float],
) -> Iterator[StepProgress]:
    """Take an optimizer step for each StepData.

    A GPU is not waited for before all of a step is on its way to it: what came of it is read once, at its end.
    """
    parameters = [parameter for parameter in whisper.model.parameters() if parameter.requires_grad]
    started = time.perf_counter()
    for data in steps:
        waited_s = time.perf_counter() - started
        doing = f"step {data.step + 1}, {training.batch_size} clips at an audio window of {data.window_s:g} s"
        whisper.model.train()
        loss_share = run_on_all_or_none(
            partial(_gradients, whisper, data, scaler, seed=training.seed, precision=precision),
            doing=doing,
            device=precision.device,
        )
        sum_gradients(parameters)
        rate = learning_rate(data.step)
        norm = run_on_all_or_none(
            partial(_update, parameters, optimizer, scaler, learning_rate=rate, max_grad_norm=training.max_grad_norm),
            doing=doing,
            device=precision.device,
        )
        loss, grad_norm = torch.stack([sum_over_ranks(loss_share), norm.to(loss_share)]).tolist()
        _check(loss, grad_norm, scaler, step=data.step + 1)
        seconds = time.perf_counter() - started
        yield StepProgress(data.step + 1, data.examples, data.tokens, loss, rate, grad_norm, seconds, waited_s)
        started = time.perf_counter()  # what the consumer does in between, such as scoring, is not training time


def _gradients(
    whisper: Whisper, data: StepData, scaler: torch.amp.GradScaler, *, seed: int, precision: Precision
) -> torch.Tensor:
    """Add up this rank's gradients; returns its share of the effective batch's mean token loss, on the device."""
    total = torch.zeros((), dtype=torch.float64, device=precision.device)
    with precision.one_cast_of_each_weight():
        for position, given in enumerate(data.micro_batches):
            micro_batch = given.on(precision.device)
            # Keyed, not carried on: a resumed run drops the same units as one that was never stopped.
            key = np.random.SeedSequence([seed, RandomStream.DROPOUT, data.step, rank(), position])
            torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))
            # Over the backward pass too: gradient checkpointing computes the encoder again there.
            with window_of(whisper, micro_batch), repeatable(precision.device):
                with precision.autocast():
                    loss = token_loss_sum(whisper, micro_batch, device=precision.device) / data.tokens
                scaler.scale(loss).backward()
            total += loss.detach()
    return total


def window_of(whisper: Whisper, micro_batch: MicroBatch) -> AbstractContextManager[None]:
    """The audio window in which these clips are heard, open for the forward and the backward pass."""
    return audio_window(whisper.model, micro_batch.mel.shape[-1], condensed=micro_batch.condensed)


def token_loss_sum(whisper: Whisper, micro_batch: MicroBatch, *, device: torch.device) -> torch.Tensor:
    """Cross-entropy summed over label tokens. The model's own loss is a mean over the micro-batch, which would weigh
    the tokens of short transcripts more."""
    config = whisper.model.config
    labels = micro_batch.labels.to(device)
    inputs = functional.pad(labels, (1, 0), value=config.decoder_start_token_id)[:, :-1]
    tokens = inputs.masked_fill(inputs == IGNORED, config.pad_token_id)
    logits = whisper.model(
        encoder_outputs=_heard(whisper.model, micro_batch.mel.to(device, whisper.model.dtype)),
        use_cache=False,
        **decoder_inputs(whisper.model.get_decoder().embed_tokens, tokens),
    ).logits
    if not torch.is_autocast_enabled(device.type):  # which takes float32 here by itself, on a GPU without a copy
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # frozen weights may be in half precision
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")


def _heard(model: Any, mel: torch.Tensor) -> Any:
    """The encoder's output, without gradients where nothing in the encoder learns."""
    encoder = model.get_encoder()
    learns = any(parameter.requires_grad for parameter in encoder.parameters())
    with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
        return encoder(mel)


def _update(
    parameters: list[torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    *,
    learning_rate: float,
    max_grad_norm: float,
) -> torch.Tensor:
    """Clip and step; returns the gradient's norm before clipping. Where it is not finite, weights stay as they are."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    scaler.unscale_(optimizer)
    grad_norm = torch.nn.utils.clip_grad_norm_(parameters, max_grad_norm)
    if scaler.is_enabled():
        scaler.step(optimizer)  # it tells the optimizer by itself when a gradient overflowed
        scaler.update()
    else:
        _step_if_finite(optimizer, grad_norm)
    optimizer.zero_grad(set_to_none=True)
    return grad_norm


def _step_if_finite(optimizer: Any, grad_norm: torch.Tensor) -> None:
    """Step where this is finite, which the device decides: a fused optimizer is told as GradScaler tells it. For any
    other the device is waited for."""
    if not optimizer.defaults.get("fused"):
        if grad_norm.isfinite():
            optimizer.step()
        return
    optimizer.grad_scale, optimizer.found_inf = None, (~grad_norm.isfinite()).to(torch.float32)
    try:
        optimizer.step()
    finally:
        del optimizer.grad_scale, optimizer.found_inf


def _check(loss: float, grad_norm: float, scaler: torch.amp.GradScaler, *, step: int) -> None:
    """In fp16 a gradient that overflows at a large scale is the scaler's daily work; at a scale below 1 nothing is left
    to lower, and it is divergence as in any other precision."""
    if math.isfinite(loss) and math.isfinite(grad_norm):
        return
    if not scaler.is_enabled():
        raise Diverged(f"at step {step} the training loss is {loss} and the gradient norm {grad_norm}")
    if scaler.get_scale() < 1:
        raise Diverged(f"at step {step} fp16 gradients overflow at any scale; the training loss is {loss}")
