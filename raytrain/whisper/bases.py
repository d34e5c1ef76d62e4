"""What an adapter lies over: weights in, their name with their sums out; and from an adapter's folder the same weights
again, or a refusal. No torch.

An adapter means nothing beside other weights than those it was trained beside, and nothing in it would show that.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from raytrain.config.adapter import Adapter
from raytrain.errors import InputError
from raytrain.files import read_as, sha256_of
from raytrain.whisper.folders import RAYTRAIN, is_adapter
from raytrain.whisper.locate import locate
from raytrain.whisper.sound import weight_files


@dataclass(frozen=True, slots=True)
class Base:
    """Weights that an adapter lies over."""

    pretrained: str
    """The hub id or the folder that they were named by."""
    sha256: Mapping[str, str]
    """The sum of each file of weights, by its name."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What raytrain.json must hold, among other things, beside an adapter."""

    base: Base
    adapter: dict[str, Any]


def base_at(folder: Path, pretrained: str) -> Base:
    """The weights in a folder of Hugging Face's form, as an adapter's folder names them."""
    return Base(pretrained, {file.name: _sum(file) for file in weight_files(folder)})


def recorded_adapter(folder: Path) -> Adapter:
    """The kind of adapter that a folder holds."""
    return Adapter.model_validate(_recorded(folder).adapter)


def recorded_base(folder: Path) -> Base:
    """The weights that an adapter's folder names, here or not."""
    return _recorded(folder).base


def base_under(folder: Path) -> tuple[Path, Base]:
    """The folder of the very weights that an adapter was trained beside; InputError where they are not here, or are
    others. Every byte of them is read, once in a process."""
    base = _recorded(folder).base
    name = base.pretrained
    try:
        found = locate(_near(name), else_do="or bring it back to where it was")
    except InputError as error:
        raise InputError(f"{folder}: its adapter lies over {name}, which is not here: {error}") from None
    if is_adapter(found):
        raise InputError(
            f"{folder}: its adapter lies over {name}, which is an adapter itself by now; bring back {name}"
        )
    if base_at(found, name).sha256 != base.sha256:
        raise InputError(
            f"{folder}: its adapter was trained beside other weights than those of {name} in {found}; bring those "
            "back, or put them into a folder of that name in RAYTRAIN_MODELS"
        )
    return found, base


def _near(pretrained: str) -> str:
    """A folder that is elsewhere on this machine is looked for by its last part, as a hub id is."""
    path = Path(pretrained)
    return path.name if path.is_absolute() and not path.is_dir() else pretrained


def _recorded(folder: Path) -> _Recorded:
    if not (folder / RAYTRAIN).is_file():
        raise InputError(
            f"{folder}: an adapter with no {RAYTRAIN}, so that nothing says what it lies over; merge it with peft, "
            "and name the merged weights"
        )
    return read_as(folder / RAYTRAIN, _Recorded, way_out="restore it from a copy")


def _sum(file: Path) -> str:
    found = file.stat()
    return _sum_of(file, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _sum_of(file: Path, size: int, changed_ns: int) -> str:
    """Of a file as it is now: a checkpoint names its base each time that it is written or read."""
    return sha256_of(file)
