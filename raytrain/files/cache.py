"""Where raytrain keeps what can be made again: $RAYTRAIN_CACHE, else ~/.cache/raytrain."""

import os
from pathlib import Path

from raytrain.errors import InputError
from raytrain.files.home import at_home


def cache_folder() -> Path:
    """The folder, whether or not it is there; an InputError where no home folder is known to have it in."""
    try:
        return at_home(os.environ.get("RAYTRAIN_CACHE") or "~/.cache/raytrain")
    except InputError as error:
        raise InputError(f"{error}, or set RAYTRAIN_CACHE to a folder that may be written to") from None
