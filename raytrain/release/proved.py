"""What was proved of an export: its figures, for the person, the model card and --json. No torch."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from raytrain.config.languages import Rate

Tool = Literal["faster-whisper", "transcribe.py", "main.py"]
"""What heard the clips: faster-whisper a conversion, the code beside the exported weights, or a submission's own."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a conversion for faster-whisper was measured to cost."""

    numbers: str
    """The number format of its weights."""
    as_trained: float | None
    """raytrain's own rate at the window the model was trained for; None where that is the full one."""
    plain_clips: int
    """Clips that faster-whisper heard again without their sound being padded to 30 s."""
    plain: float
    """The rate of these."""
    padded: float
    """The rate of the same clips, padded."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """An export beside its run on the same clips: a conversion at 30 s, others at the window of the run."""

    tool: Tool
    clips: int
    differ: int
    """Clips whose texts are not the same."""
    ours: float
    """raytrain's own rate at the window that is compared."""
    theirs: float
    """The export's rate."""
    rate: Rate
    conversion: Conversion | None = None
    """What else is known of a conversion; None where the exported code itself heard."""

    @property
    def sentence(self) -> str:
        """What was proved."""
        window = " at 30 s, both greedily" if self.tool == "faster-whisper" else ""
        return (
            f"proved on {self.clips} validation clips by {self.tool}: {self.differ} of its transcripts differ from "
            f"ours{window}; {self.rate} {self.theirs:.4f} against {self.ours:.4f}"
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
