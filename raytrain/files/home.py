"""A path as typed in, out with the home folder in the place of its ~."""

from pathlib import Path

from raytrain.errors import InputError


def at_home(path: str | Path) -> Path:
    """The path, its ~ or ~USER replaced; an InputError where there is no such home: HOME unset, no entry of a user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # pathlib's only word for it
        raise InputError(f"{path}: no home folder is known; set HOME, or name a path without ~") from None
