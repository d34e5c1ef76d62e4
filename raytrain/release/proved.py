"""What was proved of a conversion: its figures, for the person, the model card and --json. No torch."""

from dataclasses import asdict, dataclass
from typing import Any

from raytrain.config.languages import Rate


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A conversion beside what it was made from, on the same clips at the same window of 30 s."""

    clips: int
    differ: int
    """Clips whose texts are not the same."""
    fitted: float | None
    """raytrain's own rate at the window the model was trained for; None where that is the full one."""
    ours: float
    """raytrain's own rate at 30 s."""
    theirs: float
    """The conversion's rate, by faster-whisper."""
    rate: Rate

    @property
    def sentence(self) -> str:
        """What was proved."""
        return (
            f"proved on {self.clips} validation clips by faster-whisper: {self.differ} of its transcripts differ from "
            f"ours at 30 s; {self.rate} {self.theirs:.4f} against {self.ours:.4f}"
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
