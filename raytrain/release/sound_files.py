"""Files and folders that a person names in; the sound files meant, each once and in their order, out. No torch."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from raytrain.errors import InputError
from raytrain.files import at_home

_SUFFIXES = frozenset(
    (
        *(".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64"),
        # What is not read here is looked at all the same: each gets a line with the tool that converts it.
        *(".m4a", ".mp4", ".aac", ".webm", ".wma", ".amr", ".3gp", ".mov", ".mkv"),
    )
)


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A file to be heard."""

    path: Path
    below: Path
    """Its path below the folder that was named; its name where it was named itself."""


def sound_files(named: Sequence[str]) -> list[SoundFile]:
    """All that is named; of a folder all that look like sound, in the order of their names. A file that is not there
    is left to its reader, unless none is."""
    found: dict[Path, SoundFile] = {}
    for typed in named:
        path = at_home(typed)
        try:
            if path.is_dir():
                inside = list(_inside(path))
                if not inside:
                    raise InputError(f"{typed}: no sound files in this folder; name them, or another folder")
            else:
                inside = [SoundFile(path, Path(path.name))]
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            fact = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{typed[:120]}: {fact}; name a sound file or a folder") from None
        for one in inside:
            found.setdefault(one.path.absolute(), one)
    files = list(found.values())
    if not any(one.path.exists() for one in files):
        others = {1: "", 2: ", nor is the other one there"}.get(
            len(files), f", nor are the {len(files) - 1} others there"
        )
        raise InputError(f"{files[0].path}: there is no such file{others}; name sound files or folders")
    return files


def targets(files: Sequence[SoundFile], *, to: Path, suffix: str) -> list[Path]:
    """Where each file's transcript goes: below `to` as it lay, by its name without suffix where no other has it."""
    plain = [to / one.below.with_suffix(suffix) for one in files]
    chosen = [
        path if plain.count(path) == 1 else to / one.below.with_name(one.below.name + suffix)
        for path, one in zip(plain, files, strict=True)
    ]
    for number, path in enumerate(chosen):
        if path in chosen[:number]:
            first = files[chosen.index(path)].path
            raise InputError(f"--to {to}: {first} and {files[number].path} would both be {path}; take them one by one")
    return chosen


def _inside(folder: Path) -> Iterator[SoundFile]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if path.suffix.lower() in _SUFFIXES and not name.startswith("."):
                yield SoundFile(path, path.relative_to(folder))
