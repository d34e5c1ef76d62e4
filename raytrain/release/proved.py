"""What was proved of an export: its figures, for the person, the model card and --json. No torch."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from raytrain.config.languages import Rate

Tool = Literal["faster-whisper", "transcribe.py", "main.py"]
"""What heard the clips: faster-whisper a conversion, the code beside the exported weights, or a submission's own."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """An export beside its run on the same clips: a conversion at 30 s, others at the window of the run."""

    tool: Tool
    clips: int
    differ: int
    """Clips whose texts are not the same."""
    fitted: float | None
    """Of a conversion, raytrain's own rate at the window the model was trained for; None where that is the full one."""
    ours: float
    """raytrain's own rate at the window that is compared."""
    theirs: float
    """The export's rate."""
    rate: Rate

    @property
    def sentence(self) -> str:
        """What was proved."""
        window = " at 30 s" if self.tool == "faster-whisper" else ""
        return (
            f"proved on {self.clips} validation clips by {self.tool}: {self.differ} of its transcripts differ from "
            f"ours{window}; {self.rate} {self.theirs:.4f} against {self.ours:.4f}"
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
