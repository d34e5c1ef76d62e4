"""A move of a run in; what it takes to finish or undo it out, on disk from its first byte to its end."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

from raytrain.archive.checksums import FILE_NAME
from raytrain.archive.kept import read_kept
from raytrain.archive.tree import let_write
from raytrain.errors import InputError
from raytrain.files import move, sync_folder, write_text

RESTORED = "restored"
"""The archive's folder for the records of runs that went back."""
_JOURNAL = ".move.json"


@dataclass(frozen=True, kw_only=True)
class _Written:
    """A journal's values."""

    name: str
    direction: Literal["add", "restore"]
    outside: str
    by: Literal["rename", "copy"]
    keep: bool = False


@dataclass(frozen=True, kw_only=True)
class Gone:
    """What the archive keeps of a run that went back. Times are ISO 8601 in UTC."""

    name: str
    kind: str
    why: str
    archived_at: str
    restored_at: str
    restored_to: str


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
        """The move of a journal; InputError where it is not whole: where its run is is then for a person to see."""
        name = journal.name.removeprefix(".").removesuffix(_JOURNAL)
        try:
            values = read_kept(journal, _Written)
            if values["name"] != name:
                raise InputError(f"{journal}: of a move of {values['name']}; restore the file from a copy")
        except InputError as error:
            found = f"look whether {journal.parent / name} is whole, or the place it went to or came from"
            raise InputError(f"{error}; or {found}, then remove the file") from None
        return cls(**values | {"home": journal.parent, "outside": Path(values["outside"])})


def journals(home: Path) -> list[Path]:
    """The journals of moves that something interrupted."""
    return sorted(home.glob(f".*{_JOURNAL}"))


def is_moving(home: Path, name: str) -> bool:
    """Whether a move of this run was interrupted, and is not ended yet."""
    return os.path.lexists(home / f".{name}{_JOURNAL}")


def clear_strays(home: Path) -> None:
    """Remove what was written before its journal was: nothing had moved.

    A manifest beside a run that has none is not one of these: somebody removed a journal that could not be read.
    """
    for aside in home.glob(f".*.{FILE_NAME}"):
        name = aside.name.removeprefix(".").removesuffix(f".{FILE_NAME}")
        entry = home / name
        if is_moving(home, name) or not aside.is_file():
            continue
        if entry.is_dir() and not (entry / FILE_NAME).exists():
            let_write(entry)
            move(aside, entry / FILE_NAME)
        else:
            aside.unlink()
    for stray in (*home.glob(".*.new"), *(home / RESTORED).glob(".*.new")):
        if stray.is_file():
            stray.unlink()
