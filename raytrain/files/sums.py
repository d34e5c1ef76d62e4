"""A folder's files in; their sha256 in SHA256SUMS, as `sha256sum -c` reads it, and what differs from it, out."""

import re
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from raytrain.errors import InputError
from raytrain.files.hashed import sha256_of
from raytrain.files.typed import MOST_JSON_BYTES, require_file
from raytrain.files.whole import write_text

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^/\0\n]+)")
_MOST_LETTERS = 2**20


def write_sums(folder: Path, *, but: Collection[str] = ()) -> None:
    """Write down the sha256 of every file in a folder, as the last thing that is written there."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name not in {SUMS, *but})
    with ThreadPoolExecutor() as pool:  # hashing waits for no other thread of Python, and a run waits for this
        _write(folder, dict(zip(names, pool.map(lambda name: sha256_of(folder / name), names), strict=True)))


def take_out(folder: Path, name: str) -> None:
    """Remove a file that is needed no more; from then on the folder is whole without it."""
    if (folder / SUMS).is_file():
        _write(folder, {other: sha256 for other, sha256 in read_sums(folder).items() if other != name})
    (folder / name).unlink(missing_ok=True)


def sum_faults(folder: Path, *, but: Collection[str] = (), sha256: Callable[[Path], str] = sha256_of) -> Iterator[str]:
    """Each file that is not as it was written, by name, with the fact; `but` names files that nobody needs.

    `sha256` reads one of them, for whoever knows the sums already. InputError where the list itself is damaged.
    """
    for name, written in read_sums(folder).items():
        if name in but:
            continue
        if not (folder / name).is_file():
            yield f"{name}: {'not a file' if (folder / name).exists() else 'missing'}"
        elif name.endswith(".json") and (folder / name).stat().st_size > MOST_JSON_BYTES:
            yield f"{name}: far larger than such a file is"
        elif sha256(folder / name) != written:
            yield f"{name}: its bytes are not those that were written"


def read_sums(folder: Path) -> dict[str, str]:
    """The sha256 of each file by its name, as written down."""
    path = folder / SUMS
    try:
        require_file(path)
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_MOST_LETTERS)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; restore the file from a copy") from None
    lines = [_LINE.fullmatch(line) for line in text.split("\n")[:-1]]
    if not lines or not text.endswith("\n") or None in lines:
        raise InputError(f"{path}: not a list of checksums; restore the file from a copy")
    return {line[2]: line[1] for line in lines if line is not None}


def _write(folder: Path, sums: dict[str, str]) -> None:
    write_text(folder / SUMS, "".join(f"{sha256}  {name}\n" for name, sha256 in sums.items()), durable=False)
