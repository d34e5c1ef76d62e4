"""What was heard in a recording, window by window, in; text, a line of JSON or subtitles out. No torch."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, assert_never

Form = Literal["text", "jsonl", "srt"]
SUFFIXES: dict[Form, str] = {"text": ".txt", "jsonl": ".json", "srt": ".srt"}


@dataclass(frozen=True, slots=True)
class Segment:
    """One window of a recording: whence, whither, and the words in it. When each word was said is not known."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard in one file."""

    path: Path
    duration_s: float
    segments: Sequence[Segment]
    notes: Sequence[str] = ()
    """What is worth knowing of its sound."""

    @property
    def text(self) -> str:
        return " ".join(one.text for one in self.segments if one.text)

    def as_dict(self) -> dict[str, Any]:
        return {
            "file": str(self.path),
            "duration_s": round(self.duration_s, 3),
            "text": self.text,
            "segments": [
                {**asdict(one), "start_s": round(one.start_s, 3), "end_s": round(one.end_s, 3)} for one in self.segments
            ],
        }

    def written(self, form: Form) -> str:
        """The whole of a file of this form."""
        match form:
            case "text":
                return f"{self.text}\n"
            case "jsonl":
                return json.dumps(self.as_dict(), ensure_ascii=False) + "\n"
            case "srt":
                return "\n".join(self.subtitles())
            case unknown:
                assert_never(unknown)

    def subtitles(self) -> list[str]:
        """SRT's blocks, numbered from 1; a window without words has none."""
        spoken = [one for one in self.segments if one.text]
        return [
            f"{number}\n{_clock(one.start_s)} --> {_clock(one.end_s)}\n{one.text}\n"
            for number, one in enumerate(spoken, start=1)
        ]


def _clock(seconds: float) -> str:
    """SRT's own form: 00:01:02,500."""
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d},{rest % 1000:03d}"
