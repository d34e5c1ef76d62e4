"""What a person asks of the archive, judged before anything moves: each refusal is one line with its way out."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from raytrain.archive.checksums import FILE_NAME, KeptFile
from raytrain.archive.journal import RESTORED
from raytrain.archive.summaries import KINDS, recognise
from raytrain.errors import InputError
from raytrain.files import SUMS, sum_faults


def checked_name(name: str) -> str:
    """The name, if it is one harmless piece of a path, here and on S3; any other is refused."""
    harmless = all(letter.isalnum() or letter in "-_.+=" for letter in name)
    if not harmless or not 0 < len(name) <= 150 or name.startswith(".") or name in ("README.md", FILE_NAME):
        raise InputError(f"--name {name!r}: letters, digits and -_.+= only, and no . at its start")
    return name


def require_place(place: Path, *, home: Path, outside: bool) -> None:
    """Refuse a run outside the project, unless `outside` allows it, in the archive, or around it."""
    home, project = home.resolve(), home.parent
    if place.is_symlink():
        raise InputError(f"{place}: a link to {place.readlink()}; name the folder itself")
    if place.resolve().is_relative_to(home):
        raise InputError(f"{place}: lies in the archive; name a folder outside it")
    if home.is_relative_to(place.resolve()):
        raise InputError(f"{place}: holds the archive itself; name the folder of one run")
    inside = place.is_relative_to(project) or place.resolve().is_relative_to(project.resolve())
    if not (inside or outside):
        raise InputError(f"{place}: outside {project}; name a run below it, or say --outside")


def kind_of(place: Path) -> str:
    """Which of KINDS a run's folder is; anything else is refused."""
    if not place.is_dir():
        fact = "not a folder" if place.exists() else "no such folder"
        raise InputError(f"{place}: {fact}; name the folder of a study or a run")
    kind = recognise(place)
    if kind is None:
        raise InputError(f"{place}: not a run; a run is {', '.join(KINDS.values())}")
    if (place / FILE_NAME).exists():
        raise InputError(f"{place / FILE_NAME}: the archive writes a file of this name; rename this one")
    return kind


def require_whole_checkpoints(place: Path, files: Mapping[str, KeptFile]) -> None:
    """Refuse a run with a checkpoint that is not as it was written: archived, it would count as whole for ever."""
    for folder in ((place / path).parent for path in files if PurePosixPath(path).name == SUMS):
        for fault in sum_faults(folder, sha256=lambda path: files[path.relative_to(place).as_posix()].sha256):
            raise InputError(f"{folder}: {fault}; bring back a copy of it, or remove the folder")


def require_new(entry: Path) -> None:
    """Refuse a name that the archive has already."""
    if entry.exists() or entry.name == RESTORED:
        raise InputError(f"{entry}: exists; choose another name with --name")


def require_free(target: Path, *, home: Path) -> None:
    """Refuse a target that holds anything, since a restored run overwrites nothing; an empty folder is free."""
    if target.resolve().is_relative_to(home.resolve()):
        raise InputError(f"{target}: lies in the archive; name a folder outside it with --to")
    if target.is_symlink() or (target.exists() and not (target.is_dir() and not any(target.iterdir()))):
        raise InputError(f"{target}: exists; move it away, or name another folder with --to")
