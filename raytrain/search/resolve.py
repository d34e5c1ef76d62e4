"""What a sample trains: the baseline, the space and the values drawn in; the trial's whole configuration out."""

import math

from raytrain.config.baseline import Baseline
from raytrain.config.derived import scaled_learning_rate, study_warmup_steps
from raytrain.config.reader import apply_sample
from raytrain.config.space import Scalar, SearchSpace
from raytrain.search.axes import Sample


def resolve(baseline: Baseline, space: SearchSpace, sample: Sample) -> Baseline:
    """The sample in the baseline, with what is counted in steps kept at its length in examples.

    Otherwise a larger batch would also mean a longer warm-up and a longer run, and nobody could tell which of the
    three changed the WER.
    """
    config = apply_sample(baseline, sample, is_from_space=True)
    before, now = baseline.effective_batch_size(), config.effective_batch_size()
    if now == before:
        return config
    sizes = {"baseline_effective": before, "sample_effective": now}
    training = config.training
    follow: dict[str, Scalar] = {
        "training.learning_rate": scaled_learning_rate(
            training.learning_rate, scaling=space.search.learning_rate_scaling, **sizes
        )
    }
    if "training.warmup_steps" not in space.vary:
        follow["training.warmup_steps"] = study_warmup_steps(training.warmup_steps, **sizes)
    if training.max_steps is not None and "training.max_steps" not in space.vary:
        follow["training.max_steps"] = -(-training.max_steps * before // now)
    return apply_sample(config, follow, is_from_space=True)


def rungs(space: SearchSpace, *, budget_examples: int) -> tuple[int, ...]:
    """Where trials are scored and compared, in examples seen, below the budget."""
    first, reduction = space.scheduler.first_rung_examples, space.scheduler.reduction
    if first >= budget_examples:
        return ()
    count = math.floor(math.log((budget_examples - 1) / first, reduction) + 1e-9) + 1
    return tuple(first * reduction**index for index in range(count))
