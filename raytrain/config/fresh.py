"""Texts that are made from others in, by path; the files that hold them, written anew where they changed, out."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from raytrain.config.find import PACKAGE, shipped_folder
from raytrain.terminal import say


def keep_fresh(
    texts: Mapping[str, str], arguments: list[str] | None, *, root: Path, module: str, about: str | None
) -> int:
    """The door of a module that makes files: write those that changed, or with `--check` name them and return 1."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not fresh")
    check = parser.parse_args(arguments).check
    if shipped_folder("baselines").is_relative_to(PACKAGE):
        say(f"python -m {module} makes files of raytrain's checkout, and this raytrain is a package; run it there")
        return 2
    stale = [
        path
        for path, text in texts.items()
        if not (root / path).is_file() or (root / path).read_bytes() != text.encode()
    ]
    for path in stale:
        if not check:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(texts[path], encoding="utf-8")
        say(f"{path}: not fresh; run python -m {module}" if check else f"wrote {path}")
    return int(check and bool(stale))
