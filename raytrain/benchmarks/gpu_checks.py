"""Whether a GPU computes what the CPU does: weights and clips in; one Check after the other out.

On a CPU the same code runs, the device being the CPU itself; what only a GPU can tell is None there.
"""

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from raytrain.config.baseline import Baseline
from raytrain.speech.batches import BatchPlan
from raytrain.speech.corpus import Corpus
from raytrain.speech.log_mel import log_mel, log_mel_of, side_by_side
from raytrain.training.evaluation import decode
from raytrain.training.feed import Feed, Labels, StepData, UnheardBatch, ahead
from raytrain.training.loop import Diverged, StepProgress, token_loss_sum, train, window_of
from raytrain.training.optimizer import make_optimizer
from raytrain.training.precision import Precision
from raytrain.whisper.weights import Whisper
from raytrain.whisper.window import FULL_FRAMES

CPU = torch.device("cpu")
_RATE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that must hold."""

    check: str
    held: bool | None
    """None where this device cannot tell."""
    found: float | None = None
    limit: float | None = None
    reason: str | None = None
    """Why it did not hold, where there is more to say than the figure."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the checks work with."""

    whisper: Whisper
    """On the CPU, without dropout and without recomputing."""
    config: Baseline
    """Its batch is what a step is checked with."""
    corpus: Corpus
    clips: list[int]
    """Clips that are decoded, and the log-mels of which are compared."""
    device: torch.device
    half: Precision
    """The half precision of this device."""

    def feed(self) -> Feed:
        """Steps of these clips, with their log-mels made on the device."""
        plan = BatchPlan(
            self.corpus.durations_s,
            effective_batch_size=self.config.training.effective_batch_size(1),
            seed=0,
            audio=self.config.audio,
        )
        return Feed(
            self.config,
            self.corpus,
            plan,
            labels=Labels(self.whisper.tokenizer, self.corpus.texts, self.config.model),
            num_mel_bins=self.whisper.model.config.num_mel_bins,
            mels_on_device=True,
        )

    def on(self, device: torch.device) -> Whisper:
        """A copy of the model on a device."""
        return replace(self.whisper, model=copy.deepcopy(self.whisper.model).to(device))

    def trained(
        self, whisper: Whisper, steps: Any, precision: Precision, scaler: torch.amp.GradScaler | None = None
    ) -> Iterator[StepProgress]:
        """Optimizer steps of the training loop."""
        return train(
            whisper,
            steps,
            make_optimizer(whisper.model.named_parameters(), self.config.training),
            scaler or precision.gradient_scaler(),
            training=self.config.training,
            precision=precision,
            learning_rate=lambda step: _RATE,
        )


def checks(bench: Bench) -> Iterator[Check]:
    """Every check in turn; one that breaks down is one that does not hold."""
    for said, check in _CHECKS.items():
        try:
            yield replace(check(bench), check=said)
        except (RuntimeError, AssertionError) as error:  # torch's errors of every kind are RuntimeErrors
            reason = str(error).strip() or type(error).__name__
            yield Check(check=said, held=False, reason=reason.splitlines()[0])


def _mels(bench: Bench) -> Check:
    bins = bench.whisper.model.config.num_mel_bins
    clips = [bench.corpus.samples(index) for index in bench.clips] + [np.zeros(8000, np.int16)]
    worst = 0.0
    for frames in (100, 400, FULL_FRAMES):
        here = log_mel(clips, frames=frames, num_mel_bins=bins)
        there = log_mel_of(side_by_side(clips, frames=frames).on(bench.device), num_mel_bins=bins)
        worst = max(worst, float((here - there.cpu()).abs().max()))
    return _at_most(worst, 1e-3)


def _gradients(bench: Bench) -> Check:
    """The norm of the difference of a step's gradients, by the CPU's norm, all of it in float32."""
    (batch, *_) = bench.feed()(0).micro_batches
    here, there = (_gradient(bench.on(device), batch, device) for device in (CPU, bench.device))
    return _at_most(float((here - there).norm() / here.norm()), 2e-3)


def _gradient(whisper: Whisper, batch: Any, device: torch.device) -> torch.Tensor:
    ready = batch.on(device)
    whisper.model.train()
    with window_of(whisper, ready):
        token_loss_sum(whisper, ready, device=device).backward()
    gradients = [one.grad.flatten() for one in whisper.model.parameters() if one.grad is not None]
    return torch.cat(gradients).double().cpu()


def _reads(bench: Bench) -> Check:
    """How often a step, its data prepared, waits for the GPU: once, at its end."""
    if bench.device.type != "cuda":
        return Check(check="", held=None)
    whisper, half = bench.on(bench.device), bench.half
    steps = ahead(bench.feed(), range(4), depth=2, device=bench.device)
    taken = bench.trained(whisper, steps, half)
    next(taken), next(taken)  # where kernels are loaded and constants are made
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            rest = list(taken)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [str(one.message) for one in seen if "synchronizing" in str(one.message)]
    where = sorted({f"{one.filename}:{one.lineno}" for one in seen if "synchronizing" in str(one.message)})
    return replace(_at_most(len(waits) / len(rest), 1), reason="; ".join(where) or None)


def _attention(bench: Bench) -> Check:
    """Whether the step runs where attention may be in no kernel but the fused ones: over condensed silence it adds a
    number to scores, which flash attention does not take."""
    whisper = bench.on(bench.device)
    (batch, *_) = bench.feed()(0).micro_batches
    ready = batch.on(bench.device)
    fused = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]
    with sdpa_kernel(fused), window_of(whisper, ready):
        with bench.half.autocast():
            loss = token_loss_sum(whisper, ready, device=bench.device)
        loss.backward()
    return Check(check="", held=bool(loss.isfinite()))


def _infinite(bench: Bench) -> Check:
    """A clip that is not a number ends in divergence, and no weight has moved."""
    whisper = bench.on(bench.device)
    before = _weights(whisper)
    try:
        list(bench.trained(whisper, [_unheard(bench.feed()(0))], Precision("fp32", bench.device)))
    except Diverged:
        return Check(check="", held=torch.equal(before, _weights(whisper)))
    return Check(check="", held=False, reason="it was not noticed")


def _overflow(bench: Bench) -> Check:
    """In fp16 a step that overflows is skipped, and the scale halved."""
    whisper = bench.on(bench.device)
    before = _weights(whisper)
    scaler = torch.amp.GradScaler(bench.device.type, init_scale=2.0**40)
    list(bench.trained(whisper, [bench.feed()(0)], Precision("fp16", bench.device), scaler))
    return Check(check="", held=torch.equal(before, _weights(whisper)) and scaler.get_scale() == 2.0**39)


def _weights(whisper: Whisper) -> torch.Tensor:
    return torch.cat([one.detach().flatten().cpu() for one in whisper.model.parameters()])


def _unheard(data: StepData) -> StepData:
    def broken(batch: UnheardBatch) -> UnheardBatch:
        return replace(batch, mel_of=lambda sounds: batch.mel_of(sounds).fill_(torch.nan))

    batches = [broken(batch) for batch in data.micro_batches if isinstance(batch, UnheardBatch)]
    return replace(data, micro_batches=batches)


def _tokens(bench: Bench) -> Check:
    """The share of clips of which both hear the same, greedily, in float32. Of random weights the two best tokens may
    lie closer than float32 tells: one clip in ten may differ."""
    here, there = (_heard(bench, device) for device in (CPU, bench.device))
    same = [one == other for one, other in zip(here, there, strict=True)]
    share = sum(same) / len(same)
    return Check(check="", held=share >= 0.9, found=share, limit=0.9)


def _heard(bench: Bench, device: torch.device) -> list[str]:
    evaluation = bench.config.evaluation.model_copy(update={"num_beams": 1})
    found = decode(
        bench.on(device),
        bench.corpus,
        bench.clips,
        audio=bench.config.audio,
        evaluation=evaluation,
        window=bench.config.audio.window,
        precision=Precision("fp32", device),
    )
    return [" ".join(part.text for part in parts) for parts in found]


def _at_most(found: float, limit: float) -> Check:
    return Check(check="", held=found <= limit, found=found, limit=limit)


_CHECKS: dict[str, Callable[[Bench], Check]] = {
    "log-mels of the device are the CPU's, at most so far apart": _mels,
    "a step's gradients in float32 are the CPU's, but for rounding": _gradients,
    "a step waits for the GPU once": _reads,
    "a step runs with fused attention alone": _attention,
    "what is not a number is divergence and moves no weight": _infinite,
    "fp16 skips a step that overflows": _overflow,
    "clips are decoded to the CPU's tokens": _tokens,
}
