"""A small study of tiny.en laid out in a folder: a few steps a trial on the packaged corpus, few utterances scored."""

from pathlib import Path

from raytrain.config.reader import load_baseline, load_space
from raytrain.results.description import Description
from raytrain.study.study import Study
from raytrain.trial.inputs import inputs_of

_BASELINE = (
    "training.batch_size=4", "training.num_epochs=null", "training.max_steps=4", "training.precision=fp32",
    "evaluation.max_utterances=2", "tracking.wandb=disabled", "tracking.tensorboard=false",
)  # fmt: skip
_SPACE = ("keep={}", "budget.examples=null")


def small_study(folder: Path, tiny_en: Path, *, baseline: tuple[str, ...] = (), space: tuple[str, ...]) -> Study:
    """What is given comes after this page's own settings."""
    config = load_baseline("tiny", [*_BASELINE, f"model.pretrained={tiny_en}", *baseline])
    inputs = inputs_of(config)
    asked = load_space("smoke", [*_SPACE, *space], baseline=config)
    description = Description(baseline_name="tiny", baseline=config, space_name="smoke", space=asked)
    return Study(folder=folder, description=description, inputs=inputs)
