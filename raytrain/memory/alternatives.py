"""Which ways to train a Whisper fit a card: a baseline and a card's size in; a few rows, best first, out.

Each row is a whole way to train: full or with an adapter, the base's precision, the optimizer, the micro-batch (the
effective batch stays), recomputing, the window. Its costs are arithmetic: operations a clip beside those of the
baseline; quantized weights are besides unpacked each time they are read, which is an estimate.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from raytrain.config.adapter import Adapter
from raytrain.config.baseline import Baseline, Model
from raytrain.config.reader import apply_sample
from raytrain.memory.flops import train_flops_per_clip
from raytrain.memory.prediction import Longest, predict, step_shape

UNPACKING = 1.25
"""How much longer a step takes where weights are kept in int8 or nf4 and unpacked as they are read: an estimate, none
measured; reports lie between 1.1 and 1.5."""
ADAPTER_RATES = "3e-4 to 1e-3"
"""Learning rates that adapters are trained with; full fine-tuning takes a tenth to a hundredth of them."""
_SHORTER_WINDOWS_S = (15.0, 8.0, 5.0)
_MOST_ROWS = 8
_LORA = Adapter()


@dataclass(frozen=True, slots=True)
class _Setting:
    """How one kind of training is made to fit; what is earlier in order is given up later."""

    window_s: float
    recomputes: bool
    batch_size: int

    @property
    def worth(self) -> tuple[float, bool, int]:
        """Larger is better: no clip left out, then no layer computed twice, then the larger micro-batch."""
        return self.window_s, not self.recomputes, self.batch_size


def alternatives(baseline: Baseline, longest: Longest, card_gib: float) -> list[dict[str, Any]]:
    """Ways to train that fit, each with its memory and its costs: those that leave no clip out first, then the cheapest
    in operations. A leaner one stands there only where it buys something that a plainer one of its family has not."""
    own = train_flops_per_clip(step_shape(baseline, longest))
    rows: list[tuple[tuple[float, ...], dict[str, Any]]] = []
    for family in _families(baseline):
        best: _Setting | None = None
        for kind in family:
            found = _that_fits(baseline, kind, longest, card_gib)
            if found is None or (best is not None and found[0].worth <= best.worth):
                continue
            best, config, peak_gib = found
            row = _row(baseline, config, longest, peak_gib=peak_gib, own=own)
            rows.append(((-best.window_s, row["relative_time"], peak_gib), row))
    return [row for _, row in sorted(rows, key=lambda one: one[0])][:_MOST_ROWS]


def as_json(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change in JSON's own values: of an adapter its kind and the keys that differ from their defaults."""
    return {
        key: {"kind": value.kind} | value.model_dump(exclude_defaults=True) if isinstance(value, Adapter) else value
        for key, value in change.items()
    }


def as_typed(change: Mapping[str, Any]) -> str:
    """A change in JSON's own values, as it is typed after a command."""
    return " ".join(f"{key}={_typed(value)}" for key, value in change.items())


def _typed(value: Any) -> str:
    if isinstance(value, dict):
        return "'{" + ", ".join(f"{key}: {_typed(one)}" for key, one in value.items()) + "}'"
    return "null" if value is None else str(value).lower()


def leaner_optimizers(name: str) -> list[str]:
    """The optimizers that keep less of what is trained, each less than the one before."""
    names = ["adamw", "adamw_8bit", "adafactor"]
    return names[names.index(name) + 1 :]


def leaner_precisions(name: str) -> list[str]:
    """The precisions in which frozen weights take less, each less than the one before."""
    names = ["fp32", "bf16", "int8", "nf4"]
    return names[names.index(name) + 1 :]


def _families(baseline: Baseline) -> Iterator[list[dict[str, Any]]]:
    """Kinds of training, each family from the plainest to the leanest."""
    model, optimizer = baseline.model, baseline.training.optimizer
    optimizers = [optimizer, *leaner_optimizers(optimizer)]
    full = {} if model.adapter is None else {"model.adapter": None, "model.base_precision": "fp32"}
    yield [full | {"training.optimizer": name} for name in optimizers]
    if not model.freeze_encoder:
        yield [full | {"model.freeze_encoder": True, "training.optimizer": name} for name in optimizers]
    adapter = model.adapter or _LORA
    for where in dict.fromkeys((adapter.where, "decoder")):
        if model.freeze_encoder and where != "decoder":
            continue
        lora = adapter.model_copy(update={"where": where})
        precisions = [model.base_precision, *leaner_precisions(model.base_precision)]
        yield [{"model.adapter": lora, "model.base_precision": precision} for precision in precisions]


def _that_fits(
    baseline: Baseline, kind: Mapping[str, Any], longest: Longest, card_gib: float
) -> tuple[_Setting, Baseline, float] | None:
    """The best setting of a kind of training that fits, the baseline it is, and its peak."""
    for setting in _settings(baseline, longest):
        config = apply_sample(baseline, dict(kind) | _changes(baseline, setting, longest))
        fewer_at_once = min(config.evaluation.batch_size, setting.batch_size)
        for scored in (config, apply_sample(config, {"evaluation.batch_size": fewer_at_once})):
            peak_gib = predict(scored, longest).predicted_memory_gib
            if peak_gib <= card_gib:
                return setting, scored, peak_gib
    return None


def _settings(baseline: Baseline, longest: Longest) -> list[_Setting]:
    """Settings, best first: a micro-batch below half of the baseline's is given up before layers are recomputed."""
    own_s, own = step_shape(baseline, longest).window_s, baseline.training.batch_size
    windows = [own_s, *(shorter for shorter in _SHORTER_WINDOWS_S if shorter < own_s)]
    sizes = [size for size in range(own, 0, -1) if own % size == 0]
    large = [size for size in sizes if 2 * size >= own]
    tried = [(window, again, size) for window in windows for again in (False, True) for size in large]
    small = [(window, True, size) for window in windows for size in sizes if size not in large]
    ordered = sorted([*tried, *small], key=lambda one: (-one[0], one[1], -one[2]))
    return [_Setting(*one) for one in ordered]


def _changes(baseline: Baseline, setting: _Setting, longest: Longest) -> dict[str, Any]:
    own = baseline.training
    times = own.batch_size // setting.batch_size
    change: dict[str, Any] = {
        "model.gradient_checkpointing": setting.recomputes,
        "training.batch_size": setting.batch_size,
        "training.gradient_accumulation_steps": own.gradient_accumulation_steps * times,
    }
    if setting.window_s < step_shape(baseline, longest).window_s:
        change |= {"audio.window": "condensed", "audio.max_window_s": setting.window_s}
    return change


def _row(baseline: Baseline, config: Baseline, longest: Longest, *, peak_gib: float, own: float) -> dict[str, Any]:
    shape = step_shape(config, longest)
    quantized = config.model.adapter is not None and config.model.base_precision in ("int8", "nf4")
    flops = train_flops_per_clip(shape) / own
    return {
        "trains": trained_in_words(config.model),
        "base_precision": config.model.base_precision if config.model.adapter else None,
        "optimizer": config.training.optimizer,
        "batch_size": config.training.batch_size,
        "gradient_accumulation_steps": config.training.gradient_accumulation_steps,
        "gradient_checkpointing": config.model.gradient_checkpointing,
        "window_s": shape.window_s,
        "predicted_memory_gib": peak_gib,
        "relative_flops": flops,
        "relative_time": flops * (UNPACKING if quantized else 1),
        "time_is_estimated": quantized,
        "change": _difference(baseline, config),
    }


def trained_in_words(model: Model) -> str:
    """What learns, in a few words."""
    if model.adapter is None:
        return "decoder" if model.freeze_encoder else "all weights"
    kind = "DoRA" if model.adapter.dora else "LoRA"
    where = "" if model.adapter.where == "both" else f", {model.adapter.where}"
    return f"{kind} {model.adapter.rank}{where}"


def _difference(baseline: Baseline, config: Baseline) -> dict[str, Any]:
    """The dotted keys in which a configuration differs from the baseline."""
    return {
        f"{section}.{key}": value
        for section in ("model", "audio", "training", "evaluation")
        for key, value in dict(getattr(config, section)).items()
        if value != getattr(getattr(baseline, section), key)
    }
