"""Numbers, keys and configurations as a reader likes them."""

import math
from itertools import pairwise
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.results.records import TrialRecord

NOTHING = "–"
_ENDS_S = (0.0, 2.0, 4.0, 8.0, 15.0, 30.0, math.inf)
_TRAINED = tuple(f"model.adapter.{key}" for key in ("kind", "rank", "targets", "where", "dora"))
"""What is told in one word or two of what is trained."""
_SPLIT = ("training.batch_size", "training.gradient_accumulation_steps", "training.learning_rate")


def label(record: TrialRecord) -> str:
    """A configuration in a reader's words: batch 8 × 5, lr 1.6e-5, and what else was sampled."""
    told = (*_SPLIT, *_TRAINED)
    others = [f"{key_name(key)} {value_text(value)}" for key, value in record.sample.items() if key not in told]
    rate = short(record.config.training.learning_rate)
    trained = [trained_text(record.config)] if any(key in record.sample for key in _TRAINED) else []
    return ", ".join([f"batch {split_text(record.config)}", f"lr {rate}", *trained, *others])


def trial_title(record: TrialRecord) -> str:
    """A trial's number and configuration: trial 3: batch 8 × 5, lr 1.6e-5."""
    return f"trial {record.number}: {label(record)}"


def number_text(value: float | None, digits: int) -> str:
    """A number with this many decimals, or a dash where there is none."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def short(value: float) -> str:
    """A number in three digits at most; very small and very large ones with an exponent as people write it: 1.6e-5."""
    if value == 0 or 0.001 <= abs(value) < 1e6:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"


def value_text(value: Any) -> str:
    """A setting as its YAML has it: null, true, basic, and a number in short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return short(value) if isinstance(value, float) else str(value)


def signed(value: float) -> str:
    """A difference in three decimals with its sign, a true minus or a plus, and none for nought."""
    text = f"{value:+.3f}".replace("-", "−")
    return text[1:] if text[1:] == "0.000" else text


def split_text(config: Baseline) -> str:
    """Batch size × accumulation, as 12 × 3, or where there are several workers 12 × 3 × 2."""
    training, workers = config.training, config.scaling.num_workers
    factors = [training.batch_size, training.gradient_accumulation_steps, *([workers] if workers > 1 else [])]
    return " × ".join(map(str, factors))


def trained_text(config: Baseline) -> str:
    """What is trained: full, or an adapter in short, as lora 16, attention or lora 8, all, decoder."""
    adapter = config.model.adapter
    if adapter is None:
        return "full"
    where = [] if adapter.where == "both" else [adapter.where]
    return ", ".join([f"{'dora' if adapter.dora else adapter.kind} {adapter.rank}", adapter.targets, *where])


def counted(number: int, one: str, many: str | None = None) -> str:
    """As in 1 child, 1,200 children."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def key_name(key: str) -> str:
    """A dotted key in words: training.batch_size reads as batch size, model.adapter.rank as adapter rank."""
    _, *names = key.removesuffix(".kind").split(".")
    return " ".join(names or [key]).replace("gradient_accumulation_steps", "accumulation").replace("_", " ")


def duration_text(seconds: float) -> str:
    """A duration in seconds, minutes or hours, whichever suits its size."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def hours_text(hours: float) -> str:
    """Hours as they are spent: 8 h, 2.5 h, 45 min where there is no whole one, 34 s where there are no two minutes."""
    if hours >= 1:
        return f"{short(hours)} h"
    return f"{short(60 * hours)} min" if hours >= 1 / 30 else f"{3600 * hours:.0f} s"


def size_text(gib: float) -> str:
    """A size on the disk in GiB, or where it is less than one in MiB: adapters are small."""
    return f"{gib:.1f} GiB" if gib >= 1 else f"{1024 * gib:.0f} MiB"


def length_text(seconds: float | None) -> str:
    """The range that a clip's duration falls in, as in "2–4 s"."""
    if seconds is None or not math.isfinite(seconds):
        return "unknown s"
    low, high = next((low, high) for low, high in pairwise(_ENDS_S) if seconds < high)
    return f"{short(low)}–{short(high)} s" if math.isfinite(high) else f"over {short(low)} s"


LENGTHS = [length_text(low) for low in _ENDS_S[:-1]]
"""All such ranges, the shortest first."""
