"""A folder in; the same folder with one or two files as an editor, a copy or a dying disk leaves them out."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 7, 2.5, 1e308, 10**400, float("nan"), float("inf"), [], {}, [[]], [None], {"a": 1}, "", " "),
    *("0", "nan", "\0", "\ud800", "a" * 5_000, "../../etc/passwd", "/dev/zero", "..", "\x1b[31mred", "<script>", "{}"),
    *(2**63, -(2**63), "9999-99-99T99:99:99Z", "completed", "[red]"),
)


def damaged(folder: Path, rng: random.Random) -> str:
    """Damage a folder in place; what was done, in words."""
    done = []
    for _ in range(rng.choice((1, 1, 2))):
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        files = [path for path in files if path.stat().st_size < 2**24]  # one blown up already is not read
        if files:
            path = rng.choice(files)
            name, way = rng.choice(_WAYS)
            way(path, rng)
            done.append(f"{path.relative_to(folder)}: {name}")
    return "; ".join(done)


def damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes cut, doubled, overwritten, or in another encoding."""
    place, size = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 30, 500))
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: b"",
        lambda: data[:place],
        lambda: data[place:],
        lambda: data[:place] + rng.randbytes(size) + data[place:],
        lambda: data[:place] + rng.randbytes(size) + data[place + size :],
        lambda: data[:place] + data[place + size :],
        lambda: data + data[:place],
        lambda: data + bytes(size),
        lambda: data.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-32", "utf-8-sig"))),
        lambda: data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b""))),
        lambda: b"[" * 200_000 + data,
        lambda: data.replace(b": ", b": " + b"9" * 5_000, 1),
        lambda: data.replace(rng.choice((b"a", b"1", b"{", b'"', b",")), rng.choice((b"", b"'", b"\x00", b"\xff"))),
    )
    return rng.choice(ways)()


def _bytes(path: Path, rng: random.Random) -> None:
    _put(path, damaged_bytes(path.read_bytes(), rng))


def _values(path: Path, rng: random.Random) -> None:
    """A value, a key or a line of JSON changed; other bytes where it is no JSON."""
    lines = path.read_bytes().split(b"\n") if path.suffix == ".jsonl" else [path.read_bytes()]
    at = rng.randrange(len(lines))
    try:
        value = json.loads(lines[at])
    except (ValueError, RecursionError):
        return _bytes(path, rng)
    lines[at] = json.dumps(_changed(value, rng)).encode()
    return _put(path, b"\n".join(lines))


def _changed(value: Any, rng: random.Random) -> Any:
    if not value or not isinstance(value, dict | list) or rng.random() < 0.15:
        return rng.choice(_VALUES)
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return [*value[:at], _changed(value[at], rng), *value[at + 1 :]] if rng.random() < 0.8 else value[:at]
    key, other = rng.choice(list(value)), rng.choice(list(value))
    left = {name: kept for name, kept in value.items() if name != key}
    ways: tuple[Callable[[], Any], ...] = (
        *(lambda: value | {key: _changed(value[key], rng)},) * 5,
        lambda: left,
        lambda: left | {f"{key}x": value[key]},
        lambda: value | {key: value[other]},
    )
    return rng.choice(ways)()


def _lines(path: Path, rng: random.Random) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    if lines:
        at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
        ways = ([*lines, lines[at]], lines[:at] + lines[at + 1 :], lines[::-1], [*lines[:at], lines[to], *lines[at:]])
        _put(path, b"".join(rng.choice(ways)))


def _put(path: Path, content: bytes) -> None:
    path.unlink()  # a copy may share its bytes with what it was copied from
    path.write_bytes(content)


def _gone(path: Path, rng: random.Random) -> None:
    shutil.rmtree(path.parent) if rng.random() < 0.2 and path.parent.name not in ("study", "fit") else path.unlink()


def _folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _linked(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.symlink_to(rng.choice((path.name, "nowhere", "..", "/dev/null", "/dev/zero", "/dev/full", "/proc/self/mem")))


def _pipe(path: Path, rng: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _sparse(path: Path, rng: random.Random) -> None:
    _put(path, path.read_bytes())
    # Weights of gigabytes are hashed to their end, as they should be.
    os.truncate(path, 2 * 2**30 if path.suffix in (".json", ".jsonl", ".yaml") else 2**29)


_WAYS: tuple[tuple[str, Callable[[Path, random.Random], None]], ...] = (
    *(("other values", _values),) * 12,
    *(("other bytes", _bytes),) * 6,
    *(("other lines", _lines),) * 2,
    ("gone", _gone),
    ("a folder", _folder),
    ("a link", _linked),
    ("a pipe", _pipe),
    ("of a sparse size", _sparse),
)
