"""A baseline in; the numbers that follow from it out. Each is computed here and nowhere else, and never set."""

import math
from typing import Any, Literal

from raytrain.config.baseline import Baseline, Training


def derived(baseline: Baseline, train_utterances: int | None) -> dict[str, Any]:
    """The numbers that `--dry-run` prints; null where it takes the number of training utterances to know them."""
    training = baseline.training
    effective = baseline.effective_batch_size()
    # Even a run bounded by steps alone has an unknown number of examples: an epoch's last batch may be short.
    steps = training.max_steps if training.num_epochs is None else None
    steps_per_epoch = examples = None
    if train_utterances is not None:
        steps = total_steps(training, train_utterances=train_utterances, effective_batch_size=effective)
        steps_per_epoch = math.ceil(train_utterances / effective)
        examples = examples_in(steps, train_utterances=train_utterances, effective_batch_size=effective)
    return {
        "effective_batch_size": effective,
        "train_utterances": train_utterances,
        "steps_per_epoch": steps_per_epoch,
        "steps": steps,
        "examples": examples,
        "warmup_steps": warmup_steps(training, steps=steps) if steps is not None else None,
    }


def total_steps(training: Training, *, train_utterances: int, effective_batch_size: int) -> int:
    """Optimizer steps of the run: whole epochs, each with a short last batch, cut at max_steps."""
    if training.num_epochs is None:
        assert training.max_steps is not None  # the schema refuses a run without an end
        return training.max_steps
    steps = training.num_epochs * math.ceil(train_utterances / effective_batch_size)
    return steps if training.max_steps is None else min(steps, training.max_steps)


def examples_in(steps: int, *, train_utterances: int, effective_batch_size: int) -> int:
    """Utterances that so many steps train on, repeats counted; an epoch's short batch is taken to come last in it."""
    epochs, rest = divmod(steps, math.ceil(train_utterances / effective_batch_size) or 1)
    return epochs * train_utterances + rest * effective_batch_size


def warmup_steps(training: Training, *, steps: int) -> int:
    """The warm-up as it is used: one longer than the run is cut to a tenth of the run."""
    return training.warmup_steps if training.warmup_steps <= steps else steps // 10


def study_warmup_steps(baseline_warmup_steps: int, *, baseline_effective: int, sample_effective: int) -> int:
    """The warm-up of a sample that does not vary it: as many examples as the baseline's, in whole steps, rounded up.

    Kept in steps, a larger batch would warm up over more examples, and the study would credit the batch with it.
    """
    return -(-baseline_warmup_steps * baseline_effective // sample_effective)


def scaled_learning_rate(
    learning_rate: float,
    *,
    scaling: Literal["none", "sqrt", "linear"],
    baseline_effective: int,
    sample_effective: int,
) -> float:
    """The learning rate for a sample's effective batch size, given the rate for the baseline's."""
    ratio = sample_effective / baseline_effective
    return learning_rate * {"none": 1.0, "sqrt": math.sqrt(ratio), "linear": ratio}[scaling]
