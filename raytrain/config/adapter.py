"""What is trained in place of the weights: `model.adapter`, small matrices beside frozen ones.

LoRA: Hu 2021, arXiv:2106.09685; DoRA: Liu 2024, arXiv:2402.09353; rsLoRA: Kalajdzievski 2023, arXiv:2312.03732.
"""

from typing import Literal

from pydantic import Field

from raytrain.config.section import Section


class Adapter(Section):
    """Low-rank matrices beside some of the linear layers: they alone learn, and the published weights are frozen."""

    kind: Literal["lora"] = "lora"
    """A product of two thin matrices added to each target's output."""
    rank: int = Field(16, ge=1, le=1024)
    """The width of those matrices: how much can be learned, and how large a checkpoint is."""
    alpha: float = Field(32.0, gt=0, le=100_000)
    """What is added is scaled by alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """The share of the adapter's inputs zeroed in training."""
    targets: Literal["attention", "all"] = "attention"
    """Beside which linear layers: the four of each attention, or those of the feed-forward blocks, too."""
    where: Literal["encoder", "decoder", "both"] = "both"
    """In which half of the model; the other half is left as it was."""
    dora: bool = False
    """Learn each target column's length apart from its direction."""
    rslora: bool = False
    """Scale by alpha / sqrt(rank) instead, so that a higher rank does not learn more slowly."""
