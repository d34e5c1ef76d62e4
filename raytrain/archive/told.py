"""The types of what a run's own files tell, ours and a Trainer's, as far as a comparison reads it; any key may lack."""

from pathlib import Path
from typing import (
    Required,  # pydantic takes no other before Python 3.12
    TypeVar,
)

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from raytrain.errors import InputError
from raytrain.files import read_as

Kind = TypeVar("Kind")


class Model(TypedDict, total=False):
    """Of a resolved baseline."""

    pretrained: str | None
    variant: str | None
    language: str | None
    task: str | None


class Training(TypedDict, total=False):
    """Of a resolved baseline."""

    batch_size: int | None
    gradient_accumulation_steps: int | None
    learning_rate: float | None
    num_epochs: int | None
    precision: str | None
    seed: int | None


class Scaling(TypedDict, total=False):
    """Of a resolved baseline."""

    num_workers: int


class Config(TypedDict, total=False):
    """A resolved baseline."""

    model: Model | None
    training: Training | None
    scaling: Scaling | None


class Commit(TypedDict, total=False):
    """What git said of the code."""

    hash: str | None
    dirty: bool | None


class Provenance(TypedDict, total=False):
    """What a run was made with."""

    started_at: str | None
    commit: str | Commit | None
    python: str | None
    versions: dict[str, str | None] | None


@with_config(ConfigDict(extra="allow"))
class Scored(TypedDict, total=False):
    """A row of a history; others of its keys are kept as they are."""

    step: Required[int]
    epoch: float | None
    eval_wer: float | None
    learning_rate: float | None


class Result(TypedDict, total=False):
    """A fit's last row."""

    outcome: str | None
    step: int | None
    examples_seen: int | None
    eval_wer: float | None
    best_eval_wer: float | None
    eval_cer: float | None
    best_eval_cer: float | None
    history: list[Scored] | None


class Described(TypedDict, total=False):
    """fit.json or study.json."""

    baseline: Config | None
    provenance: Provenance | None
    result: Result | None


class State(TypedDict, total=False):
    """trainer_state.json."""

    global_step: int | None
    max_steps: int | None
    train_batch_size: int | None
    log_history: list[Scored] | None


class Arguments(TypedDict, total=False):
    """training_args.bin, as far as a comparison or a baseline reads it."""

    per_device_train_batch_size: int | None
    per_device_eval_batch_size: int | None
    gradient_accumulation_steps: int | None
    gradient_checkpointing: bool | None
    learning_rate: float | None
    lr_scheduler_type: str | None
    optim: str | None
    max_steps: int | None
    max_grad_norm: float | None
    num_train_epochs: float | None
    warmup_steps: float | None
    warmup_ratio: float | None
    weight_decay: float | None
    eval_steps: float | None
    save_steps: float | None
    save_total_limit: int | None
    generation_num_beams: int | None
    fp16: bool | None
    bf16: bool | None
    seed: int | None


class ModelConfig(TypedDict, total=False):
    """config.json of a model in Hugging Face form."""

    model_type: str | None
    encoder_layers: int | None
    decoder_layers: int | None
    d_model: int | None
    dropout: float | None
    transformers_version: str | None
    _name_or_path: str | None


class Generation(TypedDict, total=False):
    """generation_config.json of such a model."""

    language: str | None
    task: str | None


def told(paths: list[Path], kind: type[Kind]) -> list[Kind]:
    """Those of these files that are there and whole. InputError where some are there and none is whole."""
    found, fault = [], None
    for path in paths:
        if path.exists():
            try:
                found.append(read_as(path, kind))
            except InputError as error:
                fault = fault or error
    if fault is not None and not found:
        raise fault
    return found
