"""Where raytrain keeps what can be made again: $RAYTRAIN_CACHE, else ~/.cache/raytrain."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder, whether or not it is there."""
    return Path(os.environ.get("RAYTRAIN_CACHE") or Path.home() / ".cache" / "raytrain").expanduser()
