"""Trainable parameters in; the optimizer that `training.optimizer` names, and the learning rate of each step, out."""

import math
from collections.abc import Iterable
from typing import assert_never

import torch

from raytrain.config.baseline import Training


def make_optimizer(
    named_parameters: Iterable[tuple[str, torch.nn.Parameter]], training: Training
) -> torch.optim.Optimizer:
    """Weight decay acts on matrices and kernels; biases and layer norms, which have one dimension, are left free, since
    pulling a scale or an offset towards zero is no regularisation. transformers' Trainer draws the same line."""
    trainable = [parameter for _, parameter in named_parameters if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trainable if parameter.ndim > 1], "weight_decay": training.weight_decay},
        {"params": [parameter for parameter in trainable if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    match training.optimizer:
        case "adamw":
            # Fused: one kernel a step on a GPU; on a CPU less than a third of the time of a loop over tensors.
            return torch.optim.AdamW(groups, lr=training.learning_rate, betas=(0.9, 0.999), eps=1e-8, fused=True)
        case "adamw_8bit":
            from bitsandbytes.optim import PagedAdamW8bit

            eight_bit: torch.optim.Optimizer = PagedAdamW8bit(
                groups, lr=training.learning_rate, betas=(0.9, 0.999), eps=1e-8
            )
            return eight_bit
        case "adafactor":
            # Tensor by tensor: all of them at once would take the memory that it is chosen to spare.
            return torch.optim.Adafactor(groups, lr=training.learning_rate, foreach=False)
        case unknown:
            assert_never(unknown)


def learning_rate(step: int, training: Training, *, warmup_steps: int, steps_total: int) -> float:
    """For the 0-based step: rises in a line over the warm-up, then falls to zero, in a line or half a cosine.

    The first step after nothing already moves: with w warm-up steps, step k of them has (k + 1) / (w + 1) of the peak.
    """
    if step < warmup_steps:
        return training.learning_rate * (step + 1) / (warmup_steps + 1)
    share = (step - warmup_steps) / max(1, steps_total - warmup_steps)
    match training.schedule:
        case "linear":
            left = 1 - share
        case "cosine":
            left = 0.5 * (1 + math.cos(math.pi * share))
        case unknown:
            assert_never(unknown)
    return training.learning_rate * max(0.0, left)
