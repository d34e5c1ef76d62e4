"""What fits on a card: a baseline, a space and a card's size in; each split of the effective batch with its memory, and
what to change where none fits, out. From the formula alone: no torch, no GPU, no weights."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from raytrain.config.adapter import Adapter
from raytrain.config.augmentation import Augmentation
from raytrain.config.baseline import Baseline
from raytrain.config.branches import ADAPTER, ADAPTER_KIND, Branch, in_branch
from raytrain.config.constants import GIB
from raytrain.config.reader import apply_sample
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.memory.alternatives import (
    alternatives,
    as_json,
    as_typed,
    leaner_optimizers,
    leaner_precisions,
    trained_in_words,
)
from raytrain.memory.flops import train_flops_per_clip
from raytrain.memory.kept_weights import checkpoint_bytes, study_weights
from raytrain.memory.prediction import (
    ASSUMED_LABEL_TOKENS,
    CALIBRATION_SOURCE,
    UNKNOWN,
    Longest,
    estimated_label_tokens,
    gpu_fraction,
    predict,
    step_shape,
)
from raytrain.memory.step_shape import StepShape
from raytrain.search.axes import Axes, Listed, Sample
from raytrain.speech.extent import Extent
from raytrain.whisper.variants import VARIANTS, Variant

_OF_AN_ADAPTER = f"{ADAPTER}.", "model.base_precision"
_SHORTER_WINDOWS_S = (15.0, 8.0, 5.0)
_LEAST_GAIN_GIB = 0.01


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """The GPU asked about."""

    card_gib: float | None
    """The size of its memory."""
    tflops: float | None = None
    """The TFLOP/s it sustains in training: about a third of the data sheet's dense half-precision figure."""

    def fits(self, peak_gib: float) -> bool | None:
        """Whether a run with this peak fits; None where no card is known."""
        return peak_gib <= self.card_gib if self.card_gib else None


def plan(baseline: Baseline, space: SearchSpace, gpu: Gpu, *, extent: Extent | None = None) -> dict[str, Any]:
    """Everything `python -m raytrain.plan` prints, as JSON: memory in GiB, unknown numbers null."""
    longest = longest_of(extent)
    axes = Axes(space, baseline)
    kinds = [_heaviest(baseline, axes, branch) for branch in axes.branches]
    splits = [apply_sample(kind, sample) for kind in kinds for sample in axes.splits()]
    *rows, own = (_row(split, longest, gpu, extent, examples_of(split, space, extent)) for split in [*splits, baseline])
    fitting = [row["batch_size"] for row in rows if row["fits"]]
    smallest = min(splits, key=lambda split: _peak_gib(split, longest))
    starting_point = baseline if fitting else smallest
    shape = step_shape(baseline, longest)
    checkpoint_gib = checkpoint_bytes(baseline) / GIB
    if gpu.card_gib is not None and not fitting:
        _refuse_hopeless(smallest, longest, gpu.card_gib)
    alike = alternatives(baseline, longest, gpu.card_gib) if gpu.card_gib is not None else []
    return {
        "variant": baseline.model.variant,
        "gpu_memory_gib": gpu.card_gib,
        "window_s": shape.window_s,
        "label_tokens": shape.label_tokens,
        "assumptions": _assumptions(shape, gpu, extent),
        "rows": rows,
        "largest_fitting_batch_size": max(fitting, default=None),
        "baseline": own,
        "changes_from": {
            "training.batch_size": starting_point.training.batch_size,
            "training.gradient_accumulation_steps": starting_point.training.gradient_accumulation_steps,
        },
        "changes": list(_changes(starting_point, longest, gpu)),
        "alternatives": [row | {"change": as_json(row["change"])} for row in alike],
        "checkpoint_gib": checkpoint_gib,
        "run_checkpoints_gib": checkpoint_gib * (baseline.training.keep_best + 1),
        **study_weights(baseline, space),
    }


def what_takes_less(config: Baseline, *, card_gib: float | None, extent: Extent | None) -> list[str]:
    """Changes to a run that found no room, a line each: what to type after its command, and the peak it would have."""
    return [
        f"{as_typed(one['change'])}: {one['predicted_memory_gib']:.2f} GiB ({one['gain_gib']:.2f} less)"
        for one in _changes(config, longest_of(extent), Gpu(card_gib=card_gib))
    ]


def _heaviest(baseline: Baseline, axes: Axes, branch: Branch) -> Baseline:
    """The baseline as it would be in a branch; with the adapter that takes most of those that can be drawn."""
    kind = in_branch(baseline, branch)
    if branch == "adapter":
        for axis in axes.others_in(branch):
            if axis.key.startswith(_OF_AN_ADAPTER) and axis.key != ADAPTER_KIND:
                values = axis.values if isinstance(axis, Listed) else (axis.high,)
                kind = max(
                    (apply_sample(kind, {axis.key: value}) for value in values), key=lambda one: _peak_gib(one, UNKNOWN)
                )
    return kind


def longest_of(extent: Extent | None) -> Longest:
    """Of the clips and transcripts of a prepared corpus."""
    return Longest(extent.longest_clip_s, estimated_label_tokens(extent.longest_text_bytes)) if extent else UNKNOWN


def _row(split: Baseline, longest: Longest, gpu: Gpu, extent: Extent | None, examples: int | None) -> dict[str, Any]:
    prediction = predict(split, longest)
    predicted = prediction.predicted_memory_gib
    fraction = gpu_fraction(predicted, card_gib=gpu.card_gib) if gpu.card_gib else None
    flops = flops_per_clip(split, extent)
    clips_per_s = gpu.tflops * 1e12 / flops if gpu.tflops else None
    return {
        "trains": trained_in_words(split.model),
        "batch_size": split.training.batch_size,
        "gradient_accumulation_steps": split.training.gradient_accumulation_steps,
        "effective_batch_size": split.effective_batch_size(),
        "step_gib": prediction.step_gib,
        "evaluation_gib": prediction.evaluation_gib,
        "predicted_memory_gib": predicted,
        "parts": prediction.parts_gib(),
        "fits": gpu.fits(predicted),
        "gpu_fraction": fraction,
        "side_by_side": math.floor(1 / fraction + 1e-9) if fraction else (0 if gpu.card_gib else None),
        "train_tflop_per_clip": flops / 1e12,
        "train_examples_per_s": clips_per_s,
        "examples": examples,
        "hours": examples / clips_per_s / 3600 if examples and clips_per_s else None,
    }


def _peak_gib(config: Baseline, longest: Longest) -> float:
    return predict(config, longest).predicted_memory_gib


def flops_per_clip(config: Baseline, extent: Extent | None) -> float:
    """What training on a clip of mean length costs in a batch of its like; without a corpus, on the longest."""
    mean = Longest(extent.mean_clip_s, estimated_label_tokens(extent.mean_text_bytes)) if extent else UNKNOWN
    as_long_as_recorded = config.model_copy(update={"augmentation": Augmentation()})
    return train_flops_per_clip(step_shape(as_long_as_recorded, mean))


def examples_of(config: Baseline, space: SearchSpace, extent: Extent | None) -> int | None:
    """The clips that a trial trains on at most, repeats counted."""
    if space.budget.examples is not None:
        return space.budget.examples
    training = config.training
    bounds = [training.max_steps * config.effective_batch_size()] if training.max_steps is not None else []
    if training.num_epochs is not None:
        if extent is None:
            return None
        share = 1.0 if config.data.validation_manifest else 1 - config.data.validation_ratio
        bounds.append(round(training.num_epochs * extent.clips * share))
    return min(bounds)


def _changes(config: Baseline, longest: Longest, gpu: Gpu) -> Iterator[dict[str, Any]]:
    """Changes that would take less memory: each alone, all of those together; then an adapter or leaner weights under
    it, a leaner optimizer, and a smaller Whisper."""
    before = _peak_gib(config, longest)
    samples = list(_reliefs(config, longest))
    together = {key: value for sample in samples for key, value in sample.items()}
    apart = list(_leaner_kinds(config))
    for sample in [
        *samples,
        *([together] if len(samples) > 1 else []),
        *apart,
        *_smaller_variant(config, longest, gpu),
    ]:
        after = _peak_gib(apply_sample(config, sample), longest)
        if after < before - _LEAST_GAIN_GIB:
            gain = {"predicted_memory_gib": after, "gain_gib": before - after, "fits": gpu.fits(after)}
            yield {"change": as_json(sample), **gain}


def _reliefs(config: Baseline, longest: Longest) -> Iterator[Sample]:
    if not config.model.gradient_checkpointing:
        yield {"model.gradient_checkpointing": True}
    window_s = step_shape(config, longest).window_s
    for shorter in (shorter for shorter in _SHORTER_WINDOWS_S if shorter < window_s):
        yield {"audio.window": "condensed", "audio.max_window_s": shorter}
    if config.model.adapter is None and not config.model.freeze_encoder:
        yield {"model.freeze_encoder": True}
    if config.training.batch_size > 1:
        yield {"training.batch_size": config.training.batch_size // 2}
    if config.evaluation.batch_size > 1:
        yield {"evaluation.batch_size": max(1, config.evaluation.batch_size // 4)}


def _leaner_kinds(config: Baseline) -> Iterator[dict[str, Any]]:
    """An adapter, or another one; the next leaner precision under it; where all weights learn, leaner optimizers."""
    adapter = config.model.adapter
    if adapter is None:
        where: dict[str, Any] = {"where": "decoder"} if config.model.freeze_encoder else {}
        yield {"model.adapter": Adapter(**where), "model.base_precision": "bf16"}
        for optimizer in leaner_optimizers(config.training.optimizer):
            yield {"training.optimizer": optimizer}
        return
    for precision in leaner_precisions(config.model.base_precision)[:1]:
        yield {"model.base_precision": precision}
    if adapter.where != "decoder":
        yield {"model.adapter": adapter.model_copy(update={"where": "decoder"})}


def _smaller_variant(config: Baseline, longest: Longest, gpu: Gpu) -> Iterator[Sample]:
    """The largest of the smaller variants that fits; where none does, or no card is named, the next smaller one."""
    size = VARIANTS[config.model.variant].parameters
    # The English-only twin of a size has a token less: it is no smaller one.
    smaller = sorted((v for v in VARIANTS.values() if v.parameters < 0.99 * size), key=lambda v: -v.parameters)
    samples = [_of_variant(config, variant) for variant in smaller]
    fitting = (sample for sample in samples if gpu.fits(_peak_gib(apply_sample(config, sample), longest)))
    if samples:
        yield next(fitting, samples[0])


def _of_variant(config: Baseline, variant: Variant) -> Sample:
    weights = variant.hub_id if config.model.pretrained else None
    return {"model.variant": variant.name, "model.pretrained": weights}


def _refuse_hopeless(config: Baseline, longest: Longest, card_gib: float) -> None:
    """Refuse a card on which nothing fits, whatever is changed: it is a mistake in the question."""
    least = apply_sample(config, {"training.batch_size": 1, "training.gradient_accumulation_steps": 1})
    smallest = {"model.adapter": Adapter(rank=1, where="decoder"), "model.base_precision": "nf4"}
    leanest: list[Mapping[str, Any]] = [*_reliefs(least, longest), _of_variant(least, VARIANTS["tiny"]), smallest]
    for sample in leanest:
        least = apply_sample(least, sample)
    least_gib = _peak_gib(least, longest)
    if least_gib > card_gib:
        raise InputError(
            f"--gpu-memory {card_gib:g}: too small for any sample: even whisper-tiny, with all that saves memory, "
            f"takes {least_gib:.1f} GiB; name a card's whole memory in GiB"
        )


def _assumptions(shape: StepShape, gpu: Gpu, extent: Extent | None) -> list[str]:
    if extent is None:
        lengths = (
            f"no prepared corpus of your own: windows of {shape.window_s:g} s (audio.max_window_s), labels of "
            f"{shape.label_tokens} tokens (data.max_label_tokens or {ASSUMED_LABEL_TOKENS}, whichever is less)"
        )
    else:
        lengths = (
            f"{extent.clips} clips prepared: windows of up to {shape.window_s:g} s for the longest of "
            f"{extent.longest_clip_s:.1f} s, labels of about {shape.label_tokens} tokens for the longest of "
            f"{extent.longest_text_bytes} bytes"
        )
    speed = (
        f"{gpu.tflops:g} TFLOP/s sustained, as given"
        if gpu.tflops
        else "speed and hours are unknown: say what the card sustains with --gpu-tflops"
    )
    return [lengths, f"CUDA context and allocator slack: {CALIBRATION_SOURCE}", speed]
