"""Full or adapter fine-tuning, the two branches of a study that chooses: which of them a run is, and what is drawn in
each, out.

`model.adapter.kind` tells them apart: null is full fine-tuning. An adapter's other keys are drawn only where there is
an adapter.
"""

from collections.abc import Mapping
from typing import Any, Literal

from raytrain.config.adapter import Adapter
from raytrain.config.baseline import Baseline
from raytrain.config.space import ByBranch, Choice, Range, Scalar, SearchSpace, Variation

Branch = Literal["full", "adapter"]
BRANCHES: tuple[Branch, ...] = ("full", "adapter")
ADAPTER, ADAPTER_KIND, RATE = "model.adapter", "model.adapter.kind", "training.learning_rate"
RATE_RATIO = 10.0
"""Of the best rate of an adapter to that of full fine-tuning, about (Schulman et al. 2025, "LoRA Without Regret"). At
one alpha it hardly moves with the rank (Chen et al. 2026, arXiv:2602.06204)."""


def branch_of(baseline: Baseline) -> Branch:
    """How a run trains."""
    return "full" if baseline.model.adapter is None else "adapter"


def branch_of_sample(sample: Mapping[str, Any], baseline: Baseline) -> Branch:
    """How a sample of this baseline trains."""
    if ADAPTER_KIND in sample:
        return "full" if sample[ADAPTER_KIND] is None else "adapter"
    return branch_of(baseline)


def branches_drawn(vary: Mapping[str, Variation], baseline: Baseline) -> list[Branch]:
    """The branches that samples of a space lie in; its baseline may lie in the other."""
    kinds = vary.get(ADAPTER_KIND)
    if not isinstance(kinds, Choice):
        return [branch_of(baseline)]
    there = {branch_of_sample({ADAPTER_KIND: kind}, baseline) for kind in kinds.values}
    return [branch for branch in BRANCHES if branch in there]


def is_of_adapter(key: str) -> bool:
    """Whether a key is an adapter's own, so that it is not there in full fine-tuning."""
    return key.startswith(f"{ADAPTER}.") and key != ADAPTER_KIND


def drawn_in(key: str, variation: Variation) -> list[tuple[Branch | None, Choice | Range]]:
    """What a key is drawn from, by branch; None stands for whichever there is."""
    if isinstance(variation, ByBranch):
        return [("full", variation.full), ("adapter", variation.adapter)]
    return [("adapter" if is_of_adapter(key) else None, variation)]


def drawn_of(key: str, variation: Variation, branch: Branch) -> Choice | Range | None:
    """What a key is drawn from in a branch; None where it is not."""
    return next((one for where, one in drawn_in(key, variation) if where in (None, branch)), None)


def values_listed(variation: Variation) -> list[Scalar]:
    """All values that a key may take in either branch, of those that are listed; a range lists none."""
    parts = (part for _, part in drawn_in("", variation))
    return [value for part in parts if isinstance(part, Choice) for value in part.values]


def of_branch(space: SearchSpace, branch: Branch) -> SearchSpace:
    """The part of a space that lies in one branch, as a space of its own."""
    vary: dict[str, Variation] = {
        key: drawn for key, asked in space.vary.items() if (drawn := drawn_of(key, asked, branch)) is not None
    }
    kinds = vary.get(ADAPTER_KIND)
    if isinstance(kinds, Choice):
        there = [kind for kind in kinds.values if (kind is None) == (branch == "full")]
        vary[ADAPTER_KIND] = kinds.model_copy(update={"values": there})
    return space.model_copy(update={"vary": vary})


def in_branch(baseline: Baseline, branch: Branch) -> Baseline:
    """The baseline as it would be in a branch, with an adapter's defaults; rules between its keys are not looked at."""
    if branch == branch_of(baseline):
        return baseline
    model = baseline.model
    # An adapter in a frozen encoder is none.
    adapter = Adapter(where="decoder") if model.freeze_encoder else Adapter()
    other = {"adapter": None, "base_precision": "fp32"} if branch == "full" else {"adapter": adapter}
    return baseline.model_copy(update={"model": model.model_copy(update=other)})


def rate_about(baseline: Baseline, branch: Branch) -> float:
    """Where the best learning rate of a branch is looked for first: the baseline's, or tenfold or a tenth of it."""
    if branch == branch_of(baseline):
        return baseline.training.learning_rate
    return baseline.training.learning_rate * (RATE_RATIO if branch == "adapter" else 1 / RATE_RATIO)
