"""An archive in; the same archive with one run, or something beside the runs, damaged, and what was done, out."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from hostile_files import damaged

from raytrain.archive.checksums import FILE_NAME, read_manifest
from raytrain.archive.journal import RESTORED
from raytrain.archive.tree import let_write

_STRANGE = (
    b"",
    b"\xff\xfe",
    b"{",
    b"null",
    b"[]",
    b"[" * 200_000,
    b"9" * 5_000,
    b'{"name": 3}',
    b'{"name": "\\ud800"}',
)
BESIDE = "beside the runs"


def damaged_archive(home: Path, rng: random.Random) -> str:
    """Damage one run, or what lies beside the runs, in place; "NAME: what was done", BESIDE in the place of a name."""
    names = sorted(path.name for path in home.iterdir() if (path / FILE_NAME).is_file())
    if rng.random() < 0.2:
        name, done = BESIDE, rng.choice(_BESIDE)(home, rng)
    else:
        name = rng.choice(names)
        let_write(home / name)
        done = damaged(home / name, rng) if rng.random() < 0.4 else rng.choice(_OF_A_RUN)(home / name, rng)
    return f"{name}: {done}"


def _strange_description(run: Path, rng: random.Random) -> str:
    path = rng.choice([path for path in sorted(run.glob("*.json*")) if path.is_file()])
    let_write(path.parent)
    path.unlink()
    path.write_bytes(rng.choice(_STRANGE))
    return f"strange {path.name}"


def _other_manifest(run: Path, rng: random.Random) -> str:
    values = json.loads((run / FILE_NAME).read_text())
    key = rng.choice(sorted(values))
    values[key] = rng.choice((None, 99, -1, "", "../..", {}, [], {"a": 1}, "\x1b[31m", float("nan")))
    (run / FILE_NAME).write_text(json.dumps(values))
    return f"MANIFEST.json with another {key}"


def _forged_manifest(run: Path, rng: random.Random) -> str:
    """One whose sha256 is right all the same: of another version, or of one who wishes us ill."""
    from raytrain.archive import checksums

    values = json.loads((run / FILE_NAME).read_text())
    del values["sha256"]
    key = rng.choice(sorted(values))
    values[key] = rng.choice((None, 99, "", "../..", {}, [], {"a": 1}, {"a": {"size": "x"}}, "\x1b[31m\nx"))
    (run / FILE_NAME).write_text(checksums._signed(values))  # the text is what is forged
    return f"signed MANIFEST.json with another {key}"


def _no_file(run: Path, rng: random.Random) -> str:
    """A pipe, a folder or a link without an end in the place of a file."""
    path = rng.choice([path for path in sorted(run.rglob("*")) if path.is_file()])
    let_write(path.parent)
    path.unlink()
    rng.choice((os.mkfifo, Path.mkdir, lambda path: path.symlink_to(path.name)))(path)
    return f"no file at {path.relative_to(run)}"


def _strange_name(run: Path, rng: random.Random) -> str:
    name = os.fsdecode(rng.choice((b"\xff", b"a\nb", b"\x1b[31mred", "‮gnp".encode(), b"a" * 250)))
    (run / name).write_text("more")
    return f"a file more: {name!a}"


def _locked(run: Path, rng: random.Random) -> str:
    place = rng.choice((run, run / FILE_NAME))
    place.chmod(0)
    return f"no right to read {place.name}"


def _without_manifest(run: Path, rng: random.Random) -> str:
    (run / FILE_NAME).unlink()
    return "no manifest"


def _index(home: Path, rng: random.Random) -> str:
    path = home / "README.md"
    text = path.read_bytes()
    path.unlink()
    changed = (b"\xff" + text, text.replace(b"<!-- to here -->", b""), text.replace(b"<!--", b""), b"", text * 2)
    if rng.random() < 0.3:
        rng.choice((os.mkfifo, Path.mkdir, lambda path: path.symlink_to(path.name)))(path)
    else:
        path.write_bytes(rng.choice(changed))
    return "another index"


def _journal(home: Path, rng: random.Random) -> str:
    """The journal of a move of a run that is nowhere."""
    path = home / ".gone.move.json"
    other = {"name": "other", "home": None, "direction": "add", "outside": "/", "by": "rename", "keep": False}
    strange = (*_STRANGE, json.dumps(other).encode(), json.dumps(other | {"name": "gone", "by": "foot"}).encode())
    if rng.random() < 0.2:
        path.mkdir()
    else:
        path.write_bytes(rng.choice(strange))
    return "a strange journal"


def _aside(home: Path, rng: random.Random) -> str:
    """A whole journal, and a manifest in waiting that is not."""
    move = {"name": "gone", "home": None, "direction": "add", "outside": "/nowhere", "by": "rename", "keep": False}
    (home / ".gone.move.json").write_text(json.dumps(move))
    (home / f".gone.{FILE_NAME}").write_bytes(rng.choice(_STRANGE))
    return "a damaged manifest of a move"


def _record(home: Path, rng: random.Random) -> str:
    (home / RESTORED).mkdir(exist_ok=True)
    path = home / RESTORED / rng.choice(("gone.json", os.fsdecode(b"\xff.json")))
    if rng.random() < 0.3:
        rng.choice((Path.mkdir, lambda path: path.symlink_to(path.name)))(path)
    else:
        path.write_bytes(rng.choice(_STRANGE))
    return "a strange record of a run that went back"


def _folder_more(home: Path, rng: random.Random) -> str:
    name = rng.choice(("empty", "a\x1b[31m\nb", os.fsdecode(b"\xff"), ".x.new", f".y.{FILE_NAME}"))
    (home / name).mkdir()
    return f"a folder more: {name!a}"


def _copied_run(home: Path, rng: random.Random) -> str:
    run = next(path for path in sorted(home.iterdir()) if (path / FILE_NAME).is_file())
    shutil.copytree(run, home / "copied")
    return f"a copy of {read_manifest(run).name}"


_OF_A_RUN: tuple[Callable[[Path, random.Random], str], ...] = (
    *(_strange_description, _other_manifest, _forged_manifest, _no_file, _strange_name, _locked, _without_manifest),
)
_BESIDE: tuple[Callable[[Path, random.Random], str], ...] = (
    *(_index, _journal, _aside, _record, _folder_more, _copied_run),
)
