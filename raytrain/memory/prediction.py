"""GPU memory before it is spent: a baseline in, the predicted peak of its training and scoring out. Plain Python.

Live tensors are counted by step_peak.py and decoding_peak.py. Here what no count of tensors gives is added: the
CUDA context, and what the caching allocator reserves beyond the tensors.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from raytrain.config.baseline import Baseline
from raytrain.config.constants import FULL_WINDOW_S, GIB
from raytrain.errors import InputError
from raytrain.memory.decoding_peak import DecodingShape, decoding_peak
from raytrain.memory.step_peak import step_peak
from raytrain.memory.step_shape import Parts, StepShape
from raytrain.whisper.hearing import most_new_tokens
from raytrain.whisper.labels import PROMPT_TOKENS
from raytrain.whisper.variants import MAX_TARGET_POSITIONS, VARIANTS
from raytrain.whisper.window import fitted_seconds

ASSUMED_LABEL_TOKENS = 64
"""A transcript's label tokens where no corpus is known: about 40 words, twice what most classroom clips hold."""
FRACTION_MARGIN = 1.05
"""A trial's share of a card, times its prediction, where several share one."""
_BYTES_PER_TOKEN = 3
"""Fewer than English text has, which is about 4: names and slips of the tongue take more tokens."""


# Estimates: what lies between live tensors and the card is for measurements to calibrate.
CONTEXT_GIB = 0.5
"""The CUDA context with the kernels loaded into it, which lies outside PyTorch's allocator."""
SLACK_SHARE = 0.08
"""What is reserved beyond the live tensors, as a share of them: blocks rounded up and cut into pieces."""
SLACK_GIB = 0.06
"""What is reserved whatever the size: cuBLAS's workspaces and a first block of each kind."""
CALIBRATION_SOURCE = "estimate, none measured: `python -m raytrain.bench memory` on a GPU measures them"
"""How the context and the slack are known."""


class Longest(NamedTuple):
    """The longest that a run can meet; None where no corpus is known."""

    clip_s: float | None = None
    label_tokens: int | None = None
    """Label tokens of the longest transcript."""


UNKNOWN = Longest()
"""No corpus is known: what the baseline allows counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedPeak:
    """The peak of a run on one GPU."""

    step: Parts
    """Bytes at the peak of a training step."""
    evaluation: Parts
    """Bytes at the peak of scoring a batch."""

    @property
    def step_gib(self) -> float:
        """GiB of live tensors at the peak of a training step."""
        return self.step.total / GIB

    @property
    def evaluation_gib(self) -> float:
        """GiB of live tensors at the peak of scoring a batch."""
        return self.evaluation.total / GIB

    @property
    def slack_gib(self) -> float:
        """What the allocator reserves beyond live tensors."""
        return SLACK_SHARE * max(self.step_gib, self.evaluation_gib) + SLACK_GIB

    @property
    def reserved_gib(self) -> float:
        """What `torch.cuda.max_memory_reserved` should show."""
        return max(self.step_gib, self.evaluation_gib) + self.slack_gib

    @property
    def predicted_memory_gib(self) -> float:
        """All that must fit on the card: reserved memory and the CUDA context."""
        return self.reserved_gib + CONTEXT_GIB

    def parts_gib(self) -> dict[str, float]:
        """The parts of predicted_memory_gib: those of the step, what scoring takes beyond them, context and slack."""
        return {
            **self.step.as_gib(),
            "evaluation_beyond_step": max(0.0, self.evaluation_gib - self.step_gib),
            "cuda_context": CONTEXT_GIB,
            "allocator_slack": self.slack_gib,
        }


def predict(baseline: Baseline, longest: Longest = UNKNOWN) -> PredictedPeak:
    """The peak with a corpus' longest clip and transcript or, where they are unknown, with what the baseline allows."""
    scoring = decoding_shape(baseline, longest)
    # Published weights are scored once before they learn, at the full window they were made for.
    first = replace(scoring, window_s=FULL_WINDOW_S, optimizer=None)
    return PredictedPeak(
        step=step_peak(step_shape(baseline, longest)),
        evaluation=max(decoding_peak(scoring), decoding_peak(first), key=lambda parts: parts.total),
    )


def step_shape(baseline: Baseline, longest: Longest = UNKNOWN) -> StepShape:
    """The shape of the largest training step, in which a clip may be slowed down."""
    longest_s, audio = longest.clip_s, baseline.audio
    if longest_s is not None and longest_s <= audio.max_window_s:
        longest_s = baseline.augmentation.longest_s(longest_s, max_window_s=audio.max_window_s)
    return StepShape(
        variant=VARIANTS[baseline.model.variant],
        batch_size=baseline.training.batch_size,
        window_s=longest_window_s(baseline, longest_s),
        label_tokens=_longest_label_tokens(baseline, longest),
        precision=baseline.training.precision,
        gradient_checkpointing=baseline.model.gradient_checkpointing,
        freeze_encoder=baseline.model.freeze_encoder,
        dropout=baseline.model.dropout,
        accumulates=baseline.training.gradient_accumulation_steps > 1,
        optimizer=baseline.training.optimizer,
        adapter=baseline.model.adapter,
        base_precision=baseline.model.base_precision,
        condensed=audio.window == "condensed",
    )


def decoding_shape(baseline: Baseline, longest: Longest = UNKNOWN) -> DecodingShape:
    """The shape of the largest batch that is scored between steps."""
    fitted = baseline.audio.model_copy(update={"window": "fitted"})
    heard_s = fitted_seconds(fitted.max_window_s if longest.clip_s is None else longest.clip_s, fitted)
    new_tokens = most_new_tokens(heard_s, baseline.model.text_language())
    return DecodingShape(
        variant=VARIANTS[baseline.model.variant],
        batch_size=baseline.evaluation.batch_size,
        window_s=longest_window_s(baseline, longest.clip_s),
        new_tokens=min(new_tokens, MAX_TARGET_POSITIONS),
        num_beams=baseline.evaluation.num_beams,
        precision=baseline.training.precision,
        freeze_encoder=baseline.model.freeze_encoder,
        optimizer=baseline.training.optimizer,
        adapter=baseline.model.adapter,
        base_precision=baseline.model.base_precision,
        condensed=baseline.audio.window == "condensed",
    )


def longest_window_s(baseline: Baseline, longest_clip_s: float | None = None) -> float:
    """The longest audio window that training can open, the random extra of fitted windows included."""
    audio = baseline.audio
    if audio.window == "full":
        return FULL_WINDOW_S
    if longest_clip_s is None and audio.window == "fitted":
        return audio.max_window_s
    longest_s = audio.max_window_s if longest_clip_s is None else min(longest_clip_s, audio.max_window_s)
    return fitted_seconds(longest_s, audio, extra_s=audio.most_jitter_s)


def _longest_label_tokens(baseline: Baseline, longest: Longest) -> int:
    """Label tokens of the longest transcript that trains; without a corpus an assumption, within the limit set."""
    return min(longest.label_tokens or ASSUMED_LABEL_TOKENS, baseline.data.max_label_tokens)


def estimated_label_tokens(text_bytes: float) -> int:
    """About how many label tokens a transcript has, rather too many than too few, without a tokenizer."""
    return math.ceil(text_bytes / _BYTES_PER_TOKEN) + PROMPT_TOKENS


def gpu_fraction(predicted_gib: float, *, card_gib: float, margin: float = FRACTION_MARGIN) -> float | None:
    """The share of a card that a trial asks for, rounded up to a hundredth; None where a whole card is too small.

    The margin is waived where it alone would make a trial too big for a card of its own.
    """
    if predicted_gib <= 0 or card_gib <= 0 or margin < 1:
        raise ValueError(f"{predicted_gib} GiB on a card of {card_gib} GiB with a margin of {margin}")
    if predicted_gib > card_gib:
        return None
    # Ray counts in ten thousandths; the tolerance keeps an exact quarter at 0.25.
    return min(1.0, math.ceil(100 * predicted_gib * margin / card_gib - 1e-9) / 100)


def allocator_share(*, card_gib: float, gpu_fraction: float = 1.0, cap_gib: float | None = None) -> float | None:
    """The share of a card's memory that PyTorch's allocator may take, for a trial that is given a part of the card.

    None where the trial has the whole card. `cap_gib`, scaling.gpu_memory_gib, makes any card behave like a smaller
    one. The CUDA context lies outside the allocator and counts all the same.
    """
    given_gib = min(gpu_fraction * card_gib, cap_gib or card_gib)
    if given_gib >= card_gib:
        return None
    if given_gib <= CONTEXT_GIB:
        raise InputError(
            f"scaling: {given_gib:.2f} GiB of a card of {card_gib:.1f} leave nothing beside the CUDA context's "
            f"{CONTEXT_GIB:g}; raise gpu_memory_gib or gpu_fraction"
        )
    return (given_gib - CONTEXT_GIB) / card_gib
