"""A move of a run in; what it takes to finish or undo it out, on disk from its first byte to its end."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

from raytrain.archive.checksums import FILE_NAME
from raytrain.files import sync_folder, write_text

RESTORED = "restored"
"""The archive's folder for the records of runs that went back."""
_JOURNAL = ".move.json"


@dataclass(frozen=True, kw_only=True)
class Move:
    """A move as the journal has it. `home` is the archive; `outside` is the run's place in the world."""

    home: Path
    name: str
    direction: Literal["add", "restore"]
    outside: Path
    by: Literal["rename", "copy"]
    keep: bool = False
    """Whether this is a restore that leaves the archive as it is."""

    @property
    def entry(self) -> Path:
        return self.home / self.name

    @property
    def journal(self) -> Path:
        return self.home / f".{self.name}{_JOURNAL}"

    @property
    def manifest_aside(self) -> Path:
        """Where the manifest is while the run is not in the archive, or may be gone from it."""
        return self.home / f".{self.name}.{FILE_NAME}"

    @property
    def arriving(self) -> Path:
        """The copy, beside the new place and on its file system, so that one rename makes it count."""
        place = self.entry if self.direction == "add" else self.outside
        return place.with_name(f".{place.name}.raytrain-arriving")

    @property
    def leaving(self) -> Path:
        """The old folder once it no longer counts: half removed, it never stands under its own name."""
        place = self.outside if self.direction == "add" else self.entry
        return place.with_name(f".{place.name}.raytrain-leaving")

    @property
    def record(self) -> Path:
        """Where the archive keeps what it knows of a run that went back."""
        return self.home / RESTORED / f"{self.name}.json"

    def write(self) -> None:
        """Write the journal: from here on, a kill leaves what it takes to end the move."""
        values = asdict(self) | {"home": None, "outside": os.fspath(self.outside)}
        write_text(self.journal, json.dumps(values) + "\n")

    def forget(self) -> None:
        """Remove the journal: the move has ended."""
        self.manifest_aside.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)
        sync_folder(self.home)

    @classmethod
    def read(cls, journal: Path) -> Self:
        values = json.loads(journal.read_text(encoding="utf-8"))
        return cls(**values | {"home": journal.parent, "outside": Path(values["outside"])})


def unsettled(home: Path) -> list[Move]:
    """The moves that something interrupted. What was written before its journal was goes: nothing had moved."""
    moves = [Move.read(journal) for journal in sorted(home.glob(f".*{_JOURNAL}"))]
    needed = {move.manifest_aside for move in moves}
    asides = [path for path in home.glob(f".*.{FILE_NAME}") if path not in needed]
    for stray in [*home.glob(".*.new"), *(home / RESTORED).glob(".*.new"), *asides]:
        stray.unlink()
    return moves
