"""Trials as a study proposes them, with no study behind them."""

from pathlib import Path
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.trial.inputs import SplitRecipe, Whereabouts
from raytrain.trial.job import Job, Share, Trial

NOWHERE = Whereabouts(
    corpora={"": Path("no-such-corpus")}, validation_corpora={}, split=SplitRecipe(ratio=0.1, seed=0, stratify=True)
)


def asked(number: int, config: Baseline, *, share: Share | None = None, examples: int = 100, **given: Any) -> Trial:
    """A trial that trains this configuration."""
    job = Job(
        config=config,
        whereabouts=NOWHERE,
        storage="no-such-storage",
        name=f"trial-{number:04}",
        share=share or Share(use_gpu=False, gpu_fraction=1.0, cpus=1, threads=1),
        keep_best=None,
        end_at_examples=examples,
    )
    return Trial(number=number, sample={}, config=config, job=job, **given)
