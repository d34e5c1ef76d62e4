"""From effective batches to tensors. In: a plan, a corpus, labels. Out: StepData, this rank's micro-batches of a step.

For a GPU that is sound in pinned memory: its log-mels are made there, in the stream that the step runs in. For a CPU
the log-mels are made here, by the same function.

The effective batch is split here, after it was drawn. What the whole of it decides (its audio window, its number of
label tokens) is taken from all of it, on every rank, so that the split changes nothing but rounding.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
import torch

from raytrain.config.baseline import Baseline, Model
from raytrain.speech.batches import BatchPlan, EffectiveBatch
from raytrain.speech.corpus import Corpus
from raytrain.speech.log_mel import Sounds, side_by_side
from raytrain.training.advance import in_advance
from raytrain.training.augment import augmented_log_mel
from raytrain.training.distributed import rank, run_on_all_or_none
from raytrain.training.perturb import Perturbed
from raytrain.whisper.labels import PROMPT_TOKENS, encode
from raytrain.whisper.window import fitted_seconds, frames, jittered_seconds

IGNORED = -100
"""A label that the loss passes over."""
_MOST_EXTRA = PROMPT_TOKENS + 1
"""Label tokens that are not the text's own: the prompt without its start, a leading space, the end of text."""
_LONGEST_TEXTS = 32
"""How many transcripts, the longest in bytes, are searched for the one with the most tokens."""


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """The tensors of one forward and backward pass."""

    mel: torch.Tensor
    """Log-mels [clips, mel bins, frames]."""
    labels: torch.Tensor
    """Label tokens [clips, tokens], padded with IGNORED."""
    condensed: bool = False
    """Whether the silence from the mel's end to 30 s is heard, condensed."""

    def on(self, device: torch.device) -> Self:
        """The same on this device; from pinned memory nothing waits for the copy."""
        mel, labels = (tensor.to(device, non_blocking=True) for tensor in (self.mel, self.labels))
        return replace(self, mel=mel, labels=labels)


@dataclass(frozen=True, slots=True)
class UnheardBatch:
    """A micro-batch whose log-mels are yet to be made, on the device that trains."""

    sounds: Sounds
    labels: torch.Tensor
    """Label tokens [clips, tokens], padded with IGNORED."""
    mel_of: Callable[[Sounds], torch.Tensor]
    """The log-mels [clips, mel bins, frames] of these clips in this step, on the device that they are on."""
    condensed: bool
    """Whether the silence from the mel's end to 30 s is heard, condensed."""

    def on(self, device: torch.device) -> MicroBatch:
        """The tensors of a pass, on this device; nothing waits for them to be made."""
        labels = self.labels.to(device, non_blocking=True)
        return MicroBatch(self.mel_of(self.sounds.on(device)), labels, self.condensed)


@dataclass(frozen=True, slots=True)
class StepData:
    """One optimizer step: numbers of the whole effective batch, and this rank's part of it."""

    step: int
    """The number of the step, from 0."""
    examples: int
    """Utterances of all ranks."""
    tokens: int
    """Label tokens of all ranks: known before the first forward, since labels are."""
    window_s: float
    """The audio window of the whole effective batch."""
    micro_batches: Sequence[MicroBatch | UnheardBatch]
    """This rank's micro-batches: fewer, or none, in the short batch that may end an epoch."""


class Feed:
    """The data of any step, as a pure function of its number."""

    def __init__(
        self,
        config: Baseline,
        corpus: Corpus,
        plan: BatchPlan,
        *,
        labels: "Labels",
        num_mel_bins: int,
        threads: int = 0,
        mels_on_device: bool = False,
    ) -> None:
        """`threads` change the sound of clips side by side, where it is changed at all; `mels_on_device` leaves the
        log-mels to the device that trains, as suits a GPU."""
        self._config, self._corpus, self._plan, self._labels = config, corpus, plan, labels
        self._perturbed = (
            Perturbed(config, corpus, training=plan.indices, threads=threads) if config.augmentation.is_on else None
        )
        self._num_mel_bins = num_mel_bins
        self._condensed = config.audio.window == "condensed"
        self._mels_on_device, self._pins = mels_on_device, mels_on_device and torch.cuda.is_available()

    def __call__(self, step: int) -> StepData:
        training = self._config.training
        batch = self._plan.batch(step)
        window_s = self.window_s(batch)
        share = training.batch_size * training.gradient_accumulation_steps
        mine = batch.indices[rank() * share : (rank() + 1) * share]
        return StepData(
            step=step,
            examples=len(batch.indices),
            tokens=sum(len(self._labels[index]) for index in batch.indices),
            window_s=window_s,
            micro_batches=[
                self._micro_batch(mine[start : start + training.batch_size], step=step, window_s=window_s)
                for start in range(0, len(mine), training.batch_size)
            ],
        )

    def window_s(self, batch: EffectiveBatch) -> float:
        """The audio window of an effective batch, in seconds."""
        longest_s = float(self._seconds(batch.indices, batch.step).max())
        return jittered_seconds(longest_s, self._config.audio, extra_s=batch.extra_s)

    def largest(self) -> MicroBatch:
        """The largest possible micro-batch, with the longest window and the longest labels, filled with zeros."""
        longest_s = self._config.augmentation.longest_s(
            float(self._plan.durations_s[self._plan.indices].max()), max_window_s=self._config.audio.max_window_s
        )
        window_s = fitted_seconds(longest_s, self._config.audio, extra_s=self._config.audio.most_jitter_s)
        size = self._config.training.batch_size
        labels = torch.zeros(self._labels.longest(self._plan.indices), dtype=torch.int64)
        # Expanded, they take no memory before they are on the device.
        return MicroBatch(
            mel=torch.zeros(self._num_mel_bins, frames(window_s)).expand(size, -1, -1),
            labels=labels.expand(size, -1),
            condensed=self._condensed,
        )

    def _micro_batch(self, indices: np.ndarray, *, step: int, window_s: float) -> MicroBatch | UnheardBatch:
        batch = UnheardBatch(
            side_by_side(self._sounds(indices, step), frames=frames(window_s), pinned=self._pins),
            _padded([self._labels[index] for index in indices], pinned=self._pins),
            partial(
                augmented_log_mel,
                training=self._config.training,
                num_mel_bins=self._num_mel_bins,
                clip_frames=[frames(float(seconds)) for seconds in self._seconds(indices, step)],
                utterances=indices.tolist(),
                step=step,
            ),
            condensed=self._condensed,
        )
        return batch if self._mels_on_device else batch.on(torch.device("cpu"))

    def _seconds(self, indices: np.ndarray, step: int) -> np.ndarray:
        """How long these clips are as this step hears them."""
        if self._perturbed is None:
            return self._plan.durations_s[indices]
        return self._perturbed.seconds(indices, step=step)

    def _sounds(self, indices: np.ndarray, step: int) -> list[np.ndarray]:
        """Their sound as this step hears it: int16 as it is kept, or changed and float32."""
        if self._perturbed is None:
            return [self._corpus.samples(int(index)) for index in indices]
        return self._perturbed.sounds(indices, step=step)


def _padded(labels: Sequence[Sequence[int]], *, pinned: bool) -> torch.Tensor:
    """The labels as one tensor, filled up on the right, where the decoder's causal mask keeps it from mattering."""
    result = torch.full((len(labels), max(map(len, labels))), IGNORED, pin_memory=pinned)
    for row, tokens in zip(result, labels, strict=True):
        row[: len(tokens)] = torch.tensor(tokens)
    return result


class Labels:
    """Label tokens of a corpus' transcripts, each computed when first wanted and kept."""

    def __init__(self, tokenizer: Any, texts: Sequence[str], model: Model) -> None:
        self._tokenizer, self._texts, self._model = tokenizer, texts, model
        self._known: dict[int, list[int]] = {}

    def __getitem__(self, index: int | np.integer) -> list[int]:
        key = int(index)
        if key not in self._known:
            self._known[key] = encode(self._tokenizer, self._texts[key], self._model)
        return self._known[key]

    def longest(self, indices: np.ndarray) -> int:
        """Tokens of the longest of these labels. A transcript of many more bytes than another has the more tokens."""
        sizes = np.array([len(self._texts[index].encode()) for index in indices])
        return max(len(self[index]) for index in indices[np.argsort(sizes)[-_LONGEST_TEXTS:]])

    def fitting(self, indices: np.ndarray, *, max_label_tokens: int) -> np.ndarray:
        """The utterances whose labels are short enough to train on.

        A token has at least a byte, so that a text of few bytes need not be tokenised: half a million of them would be
        felt at every start.
        """
        surely = max_label_tokens - _MOST_EXTRA
        fits = [len(self._texts[index].encode()) <= surely or len(self[index]) <= max_label_tokens for index in indices]
        return indices[np.array(fits, dtype=bool)]


def ahead(
    feed: Callable[[int], StepData], steps: Iterable[int], *, depth: int, device: torch.device
) -> Generator[StepData]:
    """The data of each step in order, prepared `depth` steps in advance by a thread, so that no GPU waits for log-mels.

    At depth 0 each is made when it is asked for, as suits a CPU that has no core to spare. The values are the same.
    """
    for _, made in in_advance(feed, steps, depth=depth):
        yield run_on_all_or_none(made, doing="preparing a batch", device=device)
