"""Small studies of tiny.en whose checkpoints go to a bucket: laid out in a folder, and what came of each."""

from pathlib import Path
from typing import Any

from small_studies import small_study

from raytrain.study.run_study import run_study
from raytrain.study.study import Study

_SPACE = (
    "vary={training.learning_rate: {low: 1e-6, high: 1e-3, log: true}}", "scheduler.name=none", "search.finalists=0",
    "search.max_concurrent=1", "search.worth_wer=null",
)  # fmt: skip


def study_on_s3(folder: Path, tiny_en: Path, *, storage: str, trials: int) -> Study:
    """Trials of two steps, one after the other."""
    folder.mkdir(parents=True)
    baseline = (f"storage={storage}", "training.max_steps=2")
    return small_study(folder, tiny_en, baseline=baseline, space=(*_SPACE, f"search.trials={trials}"))


def searched(study: Study) -> dict[int, tuple[Any, float | None]]:
    """Run to its end: each trial's learning rate and WER, by its number."""
    records, _ = run_study(study, on_end=lambda record: None)
    return {one.number: (one.config.training.learning_rate, one.eval_wer) for one in records}
