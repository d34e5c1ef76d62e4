"""A study's or a fit's folder and a source of chance in; one of its files damaged, and how it was, out."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

_VALUES = (
    "null", "true", "-1", "0", "1e999", "NaN", "9" * 5000, '"\\ud800"', '""', '"text"', "[]", "{}", "[[1]]",
    '{"a": []}', "[" * 200_000,
)  # fmt: skip


def damaged(folder: Path, rng: random.Random) -> str:
    """Damage one JSON file below a folder; which, and how."""
    files = sorted(path for path in folder.rglob("*.json*") if path.is_file() and path.stat().st_size)
    path = rng.choice(files)
    damage = rng.choice([_value, _value, _value, _without_key, _cut, _byte, _empty, _folder, _pipe])
    return f"{path.relative_to(folder)}: {damage.__name__.strip('_')} {damage(path, rng)}"


def _value(path: Path, rng: random.Random) -> str:
    """Put a hostile value in the place of one, however deep."""
    hostile = rng.choice(_VALUES)
    return _changed(path, rng, lambda _: "PLACE", hostile)


def _without_key(path: Path, rng: random.Random) -> str:
    return _changed(path, rng, lambda _: None, "")


def _changed(path: Path, rng: random.Random, change: Callable[[Any], Any], hostile: str) -> str:
    lines = path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text("utf-8")]
    number = rng.randrange(len(lines))
    values = json.loads(lines[number])
    holder, key = rng.choice(list(_places(values)))
    if (new := change(holder[key])) is None:
        del holder[key]
    else:
        holder[key] = new
    lines[number] = json.dumps(values).replace('"PLACE"', hostile)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"line {number + 1}, {key}: {hostile[:20]}"


def _places(values: Any) -> Any:
    """Every container below these values with each of its keys."""
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in list(pairs):
        yield values, key
        yield from _places(value)


def _cut(path: Path, rng: random.Random) -> str:
    size = rng.randrange(path.stat().st_size)
    os.truncate(path, size)
    return f"to {size} bytes"


def _byte(path: Path, rng: random.Random) -> str:
    raw = bytearray(path.read_bytes())
    place = rng.randrange(len(raw))
    raw[place] = rng.randrange(256)
    path.write_bytes(raw)
    return f"{place} is {raw[place]}"


def _empty(path: Path, _: random.Random) -> str:
    path.write_bytes(b"")
    return ""


def _folder(path: Path, _: random.Random) -> str:
    path.unlink()
    path.mkdir()
    return ""


def _pipe(path: Path, _: random.Random) -> str:
    path.unlink()
    os.mkfifo(path)
    return ""
