"""A name or path as typed in; the YAML file it means out."""

import shlex
from pathlib import Path
from typing import Literal

from raytrain.config.explain import did_you_mean
from raytrain.errors import InputError

CHECKOUT = Path(__file__).parents[2]
PACKAGE = Path(__file__).parents[1]
"""Holds what the checkout has beside it where raytrain is installed as a package: setup.py puts it there."""


def find(kind: Literal["baselines", "search_spaces"], name_or_path: str) -> Path:
    """The file meant: a name is looked up in the working folder's `kind`, then the shipped; all else is a path."""
    path = Path(name_or_path)
    is_path = path.suffix in (".yaml", ".yml") or "/" in name_or_path or path.name in ("", "..")
    folders = _folders(kind)
    candidates = [path] if is_path else []
    if name_or_path and path.name == name_or_path:
        candidates += [folder / f"{path.stem if is_path else name_or_path}.yaml" for folder in folders]
    for candidate in candidates:
        if _is_there(candidate):
            return candidate
    raise _missing(kind, name_or_path, is_path, folders)


def shipped_folder(kind: str) -> Path:
    """Where raytrain's own files of a kind are: in the installed package, or beside it in the checkout."""
    packaged = PACKAGE / kind
    return packaged if packaged.is_dir() else CHECKOUT / kind


def _folders(kind: str) -> list[Path]:
    here, shipped = Path(kind), shipped_folder(kind)
    return [here] if here.resolve() == shipped.resolve() else [here, shipped]


def _is_there(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()  # a pipe is as good as a file
    except (OSError, ValueError):  # a name too long for the file system, or with a NUL in it
        return False


def _missing(kind: str, typed: str, is_path: bool, folders: list[Path]) -> InputError:
    study = Path(typed).parent
    if is_path and Path(typed).name == "best.yaml" and _is_there(study / "study.json"):
        go_on = shlex.join(["python", "-m", "raytrain.tune", "--resume", str(study)])
        return InputError(f"{typed}: is written as the study ends, and this one has not; {go_on} goes on with it")
    names = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    hint = did_you_mean(Path(typed).stem, names)
    where = " or ".join(f"{folder}/" for folder in folders)
    if is_path:
        fact = "a folder, not a YAML file" if typed and Path(typed).is_dir() else "no such file"
    else:
        fact = f"no such name in {where}"
    shown = typed if typed.isprintable() else ascii(typed)
    shown = shown if len(shown) <= 120 else f"{shown[:119]}…"
    near = did_you_mean(Path(typed).stem, names).partition("'")[2].partition("'")[0]
    return InputError(
        f"{shown or repr('')}: {fact}; {hint + ' ' if hint else ''}{kind} there are: {', '.join(names) or 'none'}",
        meant=((typed,), (near,)) if near else None,
    )
