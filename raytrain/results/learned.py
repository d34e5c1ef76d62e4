"""What a study learnt from earlier ones: its learned.json in; a sentence on each out."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from raytrain.files import read_as

FILE_NAME = "learned.json"


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What became of what was borrowed of one study."""

    study: str
    trials: int
    discounted_for: list[str]
    """What differs, in words."""
    correlation: float | None
    """With this study's own trials at its end, as the sampler went by it; None where it was dropped, its ranking being
    that of neither these trials nor fine-tuning."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def sentence(self) -> str:
        """What was borrowed, and whether it helped."""
        differs = f" ({' and '.join(self.discounted_for)})" if self.discounted_for else ""
        borrowed = f"Of {self.study}{differs} {self.trials} trials were borrowed: "
        if self.correlation is None:
            return borrowed + "their ranking was that of neither the trials here nor fine-tuning, so they were dropped."
        return borrowed + f"they agree with the trials here, correlation {self.correlation:.2f}, and guided the search."


def learned(folder: Path) -> list[Learned]:
    """What became of each study that this one learnt from; nothing where it learnt from none, or is not over."""
    path = folder / FILE_NAME
    return read_as(path, dict[str, list[Learned]]).get("learned", []) if path.exists() else []
