"""A search space that chooses between full and adapter fine-tuning in; what cannot work out in either, noted, out."""

import itertools
from collections.abc import Sequence

from raytrain.config.baseline import FACTORS, Baseline
from raytrain.config.branches import (
    ADAPTER_KIND,
    RATE,
    Branch,
    branch_of,
    branch_of_sample,
    branches_drawn,
    drawn_of,
    is_of_adapter,
)
from raytrain.config.explain import shown_value
from raytrain.config.source import Source
from raytrain.config.space import ByBranch, Choice, Scalar, SearchSpace

_RULED = (ADAPTER_KIND, "model.adapter.where", "model.freeze_encoder", "model.base_precision")
"""The keys that rules between full and adapter fine-tuning are about."""
_BOTH = "write full: {low: 3e-6, high: 1e-4, log: true} and adapter: {low: 1e-5, high: 1e-3, log: true} below it"


def check_branches(source: Source, space: SearchSpace, baseline: Baseline) -> None:
    """Note each key that is drawn where it is not there, and each that both branches would share wrongly."""
    drawn = branches_drawn(space.vary, baseline)
    if isinstance(space.vary.get(ADAPTER_KIND), ByBranch):
        fault = "says itself which of the two a sample is: list its values, as in values: [null, lora]"
        source.note(("vary", ADAPTER_KIND), fault)
        return
    for key, variation in space.vary.items():
        fault = ""
        if isinstance(variation, ByBranch):
            fault = _fault_by_branch(key, drawn)
        elif is_of_adapter(key) and "adapter" not in drawn:
            fault = _fault_without_adapter(key, space)
        if fault:
            source.note(("vary", key), fault)
    if not source.problems:
        _check_rate(source, space, baseline, drawn)
        _check_rules(source, space, baseline)


def _fault_by_branch(key: str, drawn: Sequence[Branch]) -> str:
    if is_of_adapter(key):
        return "is there only where there is an adapter: give one range or list, not full and adapter"
    if key in FACTORS:
        return "makes the effective batch, which is drawn alike in both: give one range or list, not full and adapter"
    if len(drawn) == 1:
        return (
            f"only {drawn[0]} fine-tuning is drawn here: give its range alone, or choose by "
            f"{ADAPTER_KIND}: {{values: [null, lora]}}"
        )
    return ""


def _fault_without_adapter(key: str, space: SearchSpace) -> str:
    where = f"{ADAPTER_KIND} takes null alone" if ADAPTER_KIND in space.vary else "the baseline has none"
    return (
        f"no sample has an adapter: {where}; add {ADAPTER_KIND}: {{values: [null, lora]}} to vary, "
        "or give the baseline one with model.adapter={}"
    )


def _check_rate(source: Source, space: SearchSpace, baseline: Baseline, drawn: Sequence[Branch]) -> None:
    """Note a learning rate that would be one branch's in the other: fitting rates differ tenfold."""
    asked = space.vary.get(RATE)
    differ = "rates that fit full and adapter fine-tuning differ tenfold"
    if asked is None and drawn != [branch_of(baseline)]:
        way_out = _BOTH if len(drawn) > 1 else "with the range that fits an adapter"
        way_out = way_out if drawn != ["full"] else "with the range that fits full fine-tuning"
        source.note(
            ("vary", ADAPTER_KIND),
            f"{differ}, and all samples would have the baseline's {baseline.training.learning_rate:g}; "
            f"vary {RATE}, too: {way_out}",
        )
    elif asked is not None and len(drawn) > 1 and not isinstance(asked, ByBranch):
        source.note(("vary", RATE), f"is one range for both, and {differ}: {_BOTH}")


def _check_rules(source: Source, space: SearchSpace, baseline: Baseline) -> None:
    """Note the first choice of what is frozen, and how, that the rules between these keys refuse."""
    keys = [key for key in _RULED if key in space.vary]
    for branch in branches_drawn(space.vary, baseline):
        here = {key: asked for key in keys if (asked := drawn_of(key, space.vary[key], branch)) is not None}
        listed = [one.values if isinstance(one, Choice) else [] for one in here.values()]
        for values in itertools.product(*listed):
            sample = dict(zip(here, values, strict=True))
            if branch_of_sample(sample, baseline) == branch and (fault := _broken_rule(sample, baseline)):
                told = ", ".join(f"{key} {_shown(value)}" for key, value in sample.items())
                source.note(("vary", keys[-1]), f"with {told}: {fault}" if len(sample) > 1 else fault)
                return


def _broken_rule(sample: dict[str, Scalar], baseline: Baseline) -> str:
    try:
        baseline.model.with_values({key.removeprefix("model."): value for key, value in sample.items()})
    except ValueError as error:
        return str(error)
    return ""


def _shown(value: Scalar) -> str:
    return value if isinstance(value, str) else shown_value(value)
