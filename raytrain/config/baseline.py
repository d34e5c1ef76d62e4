"""What one run is: a frozen, strict value, read from a YAML in baselines/. Numbers, names and switches only."""

import functools
import re
from typing import Any, Literal, Self, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator

from raytrain.config.adapter import Adapter
from raytrain.config.augmentation import Augmentation
from raytrain.config.languages import Rate, is_english_only, language_code, rate_of, unknown_language, unspoken
from raytrain.config.manifests import (
    Named,
    ScoredManifest,
    TrainManifest,
    Weighted,
    fault_in,
    is_plain_name,
    sources_of,
)
from raytrain.config.section import Count, Section, Text

FACTORS = ("scaling.num_workers", "training.batch_size", "training.gradient_accumulation_steps")
"""The keys whose product is the effective batch size."""
MOMENTS = {"adamw": 2, "adamw_8bit": 1, "adafactor": 0}
"""By optimizer: how many float32 numbers' room it takes for each weight that it trains, rounded up to whole ones:
adamw_8bit keeps two of a byte, adafactor a row and a column of each matrix. The probe before a run reserves as much."""
Window = Literal["fitted", "condensed", "full"]
WINDOWS: tuple[Window, ...] = get_args(Window)
LEAST_CONDENSED_MARGIN_S = 0.2
"""Silence that is surely none of the clip's sound: the frames and the convolutions reach 0.07 s."""
_ON_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(/[\w.=+-]+)*/?")


class Model(Section):
    """Which Whisper, from which weights, and which parts of it learn."""

    name: Literal["whisper"] = "whisper"
    """The family of models."""
    variant: Literal["tiny", "base", "small", "medium", "large-v3", "turbo"]
    """The size; it must be the size of the weights named by `pretrained`."""
    pretrained: Text | None
    """A hub id or a folder in Hugging Face form; null trains from random weights, so that a WER means nothing."""
    language: Text = "en"
    """What is spoken, as a code or a name: the language token of multilingual weights, and how texts are scored."""
    task: Literal["transcribe", "translate"] = "transcribe"
    """The task token, for multilingual weights."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """The share of activations zeroed in training."""
    freeze_encoder: bool = False
    """Train the decoder alone."""
    gradient_checkpointing: bool = True
    """Recompute each layer's activations in the backward pass: about a third slower, a fraction of the memory."""
    adapter: Adapter | None = None
    """Train small matrices beside the weights in place of the weights; null: full fine-tuning."""
    base_precision: Literal["fp32", "bf16", "int8", "nf4"] = "fp32"
    """The numbers that the frozen weights under an adapter are kept in; int8 and nf4 need CUDA."""

    @field_validator("language")
    @classmethod
    def _whisper_knows_the_language(cls, language: str, info: ValidationInfo) -> str:
        if fault := unknown_language(language) or unspoken(language, **info.data):
            raise ValueError(fault)
        return language

    @field_validator("task")
    @classmethod
    def _the_weights_know_the_task(cls, task: str, info: ValidationInfo) -> str:
        pretrained = info.data.get("pretrained")
        if task != "transcribe" and is_english_only(pretrained):
            raise ValueError(f"{pretrained} does not {task}; use transcribe, or multilingual weights")
        return task

    @model_validator(mode="after")
    def _what_is_frozen_is_said_once(self) -> Self:
        if self.adapter is None and self.base_precision != "fp32":
            raise ValueError(
                f"base_precision {self.base_precision} is for frozen weights, and without an adapter they train: "
                "set adapter, or base_precision to fp32"
            )
        if self.adapter is not None and self.freeze_encoder and self.adapter.where != "decoder":
            raise ValueError(
                f"freeze_encoder and an adapter in {self.adapter.where} exclude each other: set adapter.where to "
                "decoder, or freeze_encoder to false; of the shipped spaces adapters draws what an adapter has"
            )
        return self

    def text_language(self) -> str:
        """The code of the language that transcripts are in, and are scored as: translation is into English."""
        return "en" if self.task == "translate" else language_code(self.language)

    def rate(self) -> Rate:
        """By which rate a run is judged: WER, or CER where the language of its transcripts writes no spaces."""
        return rate_of(self.text_language())


class Audio(Section):
    """The seconds of audio the encoder sees: the longest clip of a batch, with the silence up to 30 s condensed or left
    away, or Whisper's full 30 s."""

    window: Window = "condensed"
    """Fitted to each batch; condensed, which is fitted and hears of the silence up to 30 s a part, in the place of all;
    or full, 30 s. A model must be scored with the window it was trained for; a checkpoint has it."""
    margin_s: float = Field(0.2, ge=0, le=30)
    """Silence after the longest clip of a fitted or condensed batch that is heard whole; a fitted one wants 0.64."""
    jitter_s: float = Field(1.0, ge=0, le=30)
    """The most random silence added to a fitted window in training, so that the model does not learn one length;
    a condensed one has none, being 30 s to the model."""
    step_s: float = Field(0.1, ge=0.02, le=30)
    """Fitted and condensed windows are rounded up to a multiple of this: shapes to compile and to allocate come again.
    A fitted one wants 0.5."""
    max_window_s: float = Field(30.0, gt=0, le=30)
    """Longer clips are left out of training and counted; evaluation decodes them in consecutive windows."""

    @model_validator(mode="after")
    def _what_is_continued_is_silence(self) -> Self:
        if self.window == "condensed" and self.margin_s < LEAST_CONDENSED_MARGIN_S:
            raise ValueError(
                f"margin_s {self.margin_s:g} is too short for window condensed, which continues the silence after the "
                f"clip: set margin_s to {LEAST_CONDENSED_MARGIN_S:g} or more, or window to fitted"
            )
        return self

    @property
    def most_jitter_s(self) -> float:
        """The most that training adds to a window."""
        return self.jitter_s if self.window == "fitted" else 0.0


class Data(Section):
    """Which utterances train and which are scored."""

    train_manifest: TrainManifest = "demo"
    """A JSON-lines manifest, or a list of them; `demo` is the synthetic corpus in the package."""
    validation_manifest: ScoredManifest | None = None
    """A JSON-lines manifest to score on, or a list of them; null: a part of what is trained on is held out."""
    allow_shared_children: bool = False
    """Score on a validation manifest that shares children, ids or sound with training; every output then says so."""
    validation_ratio: float = Field(0.1, gt=0, lt=1)
    """The share held out where no validation manifest is given."""
    group_by: Literal["child_id"] = "child_id"
    """What is held out as a whole, so that no child is in both halves."""
    stratify_by: Literal["age_bucket"] | None = "age_bucket"
    """Hold out the same share of each age bucket, by turns of several manifests; null: whatever children are drawn."""
    max_label_tokens: int = Field(448, ge=4, le=448)
    """Tokens of a transcript; an utterance with more is left out and counted."""
    max_bad_share: float = Field(0.02, ge=0, le=1)
    """The share of unusable utterances above which a manifest is refused."""

    @field_validator("train_manifest")
    @classmethod
    def _manifests_are_told_apart(cls, train_manifest: TrainManifest) -> TrainManifest:
        if fault := fault_in(sources_of(train_manifest, Weighted)):
            raise ValueError(fault)
        return train_manifest

    @field_validator("validation_manifest")
    @classmethod
    def _scored_manifests_are_told_apart(cls, validation_manifest: ScoredManifest | None) -> ScoredManifest | None:
        if validation_manifest is not None and (fault := fault_in(sources_of(validation_manifest, Named))):
            raise ValueError(fault)
        return validation_manifest

    def train_sources(self) -> list[Weighted]:
        """The manifests to train on, each with its weight and a name."""
        return sources_of(self.train_manifest, Weighted)

    def validation_sources(self) -> list[Named]:
        """The manifests to score on, each with a name; none where a part of the others is held out."""
        return [] if self.validation_manifest is None else sources_of(self.validation_manifest, Named)

    def manifests(self) -> list[str]:
        """The paths of all manifests, to train and to score on."""
        return [source.manifest for source in [*self.train_sources(), *self.validation_sources()]]


class Training(Section):
    """One optimisation run. Sizes count utterances; intervals count optimizer steps."""

    batch_size: int = Field(ge=1, le=1_000_000)
    """Utterances per device and micro-step; the effective batch is derived, never set."""
    gradient_accumulation_steps: int = Field(ge=1, le=1_000_000)
    """Micro-batches whose token losses are summed into one optimizer step."""
    learning_rate: float = Field(gt=0)
    """The peak of the learning rate, reached at the end of the warm-up."""
    warmup_steps: int = Field(0, ge=0, le=1_000_000_000)
    """Optimizer steps over which the learning rate rises; a warm-up longer than the run is cut to a tenth of it."""
    weight_decay: float = Field(0.0, ge=0)
    """The optimizer's decoupled weight decay."""
    max_grad_norm: float = Field(1.0, gt=0)
    """The norm that larger gradients are scaled down to."""
    num_epochs: Count | None = None
    """Passes over the training data; null: max_steps alone ends the run."""
    max_steps: Count | None = None
    """Optimizer steps after which the run ends at the latest; null: num_epochs alone ends it."""
    precision: Literal["auto", "fp16", "bf16", "fp32"] = "auto"
    """The numbers a step computes in. Without CUDA, fp16 and auto become bf16 where the CPU has it, else fp32."""
    optimizer: Literal["adamw", "adamw_8bit", "adafactor"] = "adamw"
    """The rule by which gradients change the weights. adamw_8bit, bitsandbytes' paged one, needs CUDA; adafactor,
    torch's own, scales its rate by the size of each matrix: give it about 30 times AdamW's, 1e-3 for 3e-5."""
    schedule: Literal["linear", "cosine"] = "linear"
    """How the learning rate falls to zero after the warm-up."""
    spec_augment: Literal["basic", "double"] | None = None
    """The LibriSpeech policies LB and LD of SpecAugment (Park 2019): one or two masks in time and in frequency."""
    seed: int = Field(42, ge=0, lt=2**32)
    """The seed that draws the split, the order, the augmentation and the dropout."""
    early_stopping_patience: Count | None = None
    """Evaluations in a row without a better WER after which the run ends."""
    keep_best: Count = 3
    """Checkpoints kept, the best by WER; the latest is kept besides."""
    checkpoint_every_steps: Count = 1000
    """Optimizer steps between checkpoints; a run goes on from its latest."""
    save_every_minutes: float | None = Field(30.0, gt=0)
    """Minutes after which a run that had no checkpoint since saves where it stands, without being scored: the most that
    a machine's death costs; null: never between two checkpoints."""

    @model_validator(mode="after")
    def _the_run_has_an_end(self) -> Self:
        if self.num_epochs is None and self.max_steps is None:
            raise ValueError("set num_epochs, max_steps or both: with neither the run never ends")
        return self

    def effective_batch_size(self, num_workers: int) -> int:
        """Utterances in one optimizer step, over all micro-batches and workers."""
        return self.batch_size * self.gradient_accumulation_steps * num_workers

    def moments(self) -> int:
        """Numbers that the optimizer keeps of each weight that it trains."""
        return MOMENTS[self.optimizer]


class Evaluation(Section):
    """How a model is scored while it trains."""

    batch_size: Count = 16
    """Utterances decoded at once; the WER does not depend on it."""
    every_steps: Count = 500
    """Optimizer steps between evaluations, besides that at the end; in a study the rungs decide instead."""
    max_utterances: Count | None = None
    """Validation utterances to score, drawn once by seed; null: all."""
    num_beams: Count = 1
    """Hypotheses kept as an utterance is decoded; 1 decodes greedily."""
    also: dict[str, Text] = Field({}, max_length=20)
    """Further manifests, each under a name of its own ({adult: adults.jsonl}), scored as a run ends, and as the weights
    come: whether training costs elsewhere. They never train, choose no checkpoint and stop no trial; a space's keep may
    bound them (keep.also)."""

    @field_validator("also")
    @classmethod
    def _names_are_short_and_plain(cls, also: dict[str, str]) -> dict[str, str]:
        for name in also:
            if not is_plain_name(name) or "." in name:
                raise ValueError(f"{name!r}: a name has at most 40 letters on one line, with no / and no . in it")
        return also

    def also_sources(self) -> list[Named]:
        """The further manifests, each with its name."""
        return [Named(manifest=manifest, name=name) for name, manifest in self.also.items()]


class Prediction(Section):
    """How an exported model transcribes."""

    num_beams: Count = 5
    """Hypotheses kept as an utterance is decoded; 1 decodes greedily."""
    max_new_tokens: int = Field(448, ge=1, le=448)
    """Tokens after which a transcript ends at the latest."""


class Scaling(Section):
    """The hardware one run takes."""

    num_workers: int = Field(1, ge=1, le=10_000)
    """Processes that share each optimizer step; they multiply the effective batch."""
    use_gpu: Literal["auto"] | bool = "auto"
    """Whether to train on a GPU; auto: where there is one."""
    gpu_fraction: Literal["auto"] | float = "auto"
    """The share of one GPU that each worker asks of Ray; at most 1."""
    gpu_memory_gib: float | None = Field(None, gt=0)
    """The GPU memory a worker may use at most, as on a card of this size; null: all of its card, or its share of it."""
    cpus_per_worker: Count = 1
    """CPU cores that each worker asks of Ray."""

    @model_validator(mode="after")
    def _a_fraction_is_a_share_of_one_gpu(self) -> Self:
        if self.gpu_fraction != "auto" and not 0 < self.gpu_fraction <= 1:
            raise ValueError("gpu_fraction is a share of one GPU: auto, or above 0 and at most 1")
        return self


class Tracking(Section):
    """Where a run is looked at besides its own folder."""

    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """Whether Weights & Biases follows the run; auto: online when a key is set, else offline."""
    wandb_project: Text = "raytrain"
    """The project on Weights & Biases that runs are filed under."""
    tensorboard: bool = True
    """Write event files for TensorBoard."""


class Baseline(Section):
    """The complete description of one run."""

    model: Model
    audio: Audio = Audio()
    data: Data = Data()
    training: Training
    augmentation: Augmentation = Augmentation()
    evaluation: Evaluation = Evaluation()
    prediction: Prediction = Prediction()
    scaling: Scaling = Scaling()
    tracking: Tracking = Tracking()
    storage: Text = "results"
    """The folder that runs and studies are kept in. On a cluster it is one that every node sees, or s3://bucket/prefix:
    checkpoints go there, and a copy of all that is small; the run's own folder then lies in results/ here."""

    @field_validator("storage")
    @classmethod
    def _storage_is_a_folder_or_on_s3(cls, storage: str) -> str:
        if "://" in storage and not _ON_S3.fullmatch(storage):
            raise ValueError("what is no folder is a place on S3, as in s3://bucket/prefix, with keys elsewhere")
        return storage.rstrip("/") if "://" in storage else storage

    def is_on_s3(self) -> bool:
        """Whether checkpoints are kept on S3."""
        return "://" in self.storage

    def home(self) -> str:
        """The folder on this machine in which runs have theirs."""
        return "results" if self.is_on_s3() else self.storage

    def effective_batch_size(self) -> int:
        """Utterances in one optimizer step, over all micro-batches and workers."""
        return self.training.effective_batch_size(self.scaling.num_workers)

    def needs_cuda(self) -> str | None:
        """The value that only a GPU with CUDA can do, and what else it may be; None where there is none."""
        if self.model.base_precision in ("int8", "nf4"):
            return f"model.base_precision: {self.model.base_precision} needs a GPU with CUDA; set bf16 or fp32"
        if self.training.optimizer == "adamw_8bit":
            return "training.optimizer: adamw_8bit needs a GPU with CUDA; set adamw or adafactor"
        return None

    def value_at(self, key: str) -> Any:
        """The value at a dotted key, as in training.batch_size; None below a section that is null, as of an adapter's
        rank where there is no adapter. AttributeError where there is no such key."""
        return functools.reduce(lambda held, name: None if held is None else getattr(held, name), key.split("."), self)
