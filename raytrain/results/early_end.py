"""That a search was over before its trials were: a study's events in; what further trials were worth, out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from raytrain.config.languages import Rate
from raytrain.files import AppendedLines

DONE: Final = "done"


@dataclass(frozen=True, kw_only=True)
class Prospect:
    """What the rest of a search is worth."""

    ended: int
    """Trainings that this is known from."""
    expected_gain: float
    """By how much the error rate can be expected to fall yet, as a difference of rates."""
    chance: float
    """That it falls by more than `worth`."""
    worth: float
    """The difference that makes further trials worth their time."""

    def sentence(self, rate: Rate) -> str:
        """Why the search went on no further."""
        return (
            f"after {self.ended} trainings further trials can be expected to lower the {rate} by "
            f"{self.expected_gain:.4f}, and by more than {self.worth:g} with a chance of {self.chance:.1%}: "
            f"not worth their time (search.worth_wer: {self.worth:g})"
        )


def early_end(folder: Path) -> Prospect | None:
    """What a study's search ended on before all of its trials had run; None where it did not, or went on since."""
    last = None
    for values in AppendedLines[dict[str, Any]](folder / "events.jsonl", parse=lambda values, place: values).read():
        if values.get("event") == DONE:
            last = Prospect(**values["prospect"])
        elif values.get("event") == "started" and values.get("finalist_of") is None:
            last = None
    return last
