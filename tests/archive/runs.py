"""Runs to archive, made anew for each test, and what a folder holds to the last byte, mode and time."""

import json
import os
import stat
from pathlib import Path
from typing import Any

from raytrain.archive.checksums import FILE_NAME
from raytrain.archive.store import Archive

BASELINE: dict[str, Any] = {
    "model": {"variant": "medium", "pretrained": "openai/whisper-medium"},
    "training": {"batch_size": 8, "gradient_accumulation_steps": 4, "learning_rate": 1e-5, "num_epochs": 10},
}
PROVENANCE = {"commit": {"hash": "0" * 40, "dirty": False}, "python": "3.11.2", "versions": {"torch": "2.13.0"}}
HISTORY = [{"step": 500, "eval_wer": 0.31}, {"step": 1000, "eval_wer": 0.19}, {"step": 1500, "eval_wer": 0.2}]
WHY = "small is the baseline now"


def make_fit(folder: Path, *, weights_bytes: int = 3000) -> Path:
    """A fit's folder with all that is hard to move: odd names, times, modes, an empty folder, links."""
    step = folder / "checkpoints" / "step-001500"
    step.mkdir(parents=True)
    result = {"step": 1500, "examples_seen": 48000, "outcome": "completed", "history": HISTORY}
    told = {"baseline_name": "medium", "baseline": BASELINE, "provenance": PROVENANCE, "result": result}
    (folder / "fit.json").write_text(json.dumps(told))
    (folder / "predictions.jsonl").write_text('{"utterance_id": "u1", "orthographic_text": "der Bär"}\n')
    (folder / "empty folder").mkdir()
    (folder / "ünïcode — name.txt").write_text("a name that is not ASCII")
    Path(os.fsdecode(os.fsencode(folder) + b"/not-utf8-\xff.bin")).write_bytes(b"\x00\xff")
    (folder / "empty.txt").touch()
    (step / "model.safetensors").write_bytes(os.urandom(weights_bytes))
    (step / "config.json").write_text('{"model_type": "whisper"}')
    (folder / "checkpoints" / "latest").symlink_to("step-001500")
    (folder / "tensorboard").mkdir()
    (folder / "tensorboard" / "events.out.tfevents.1.host").write_bytes(b"events")
    (step / "config.json").chmod(0o400)
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if not path.is_symlink():
            os.utime(path, ns=(10**18 + number, 10**18 + number * 1001))
    (folder / "tensorboard").chmod(0o500)
    os.utime(folder, ns=(10**18, 10**18 + 7))
    return folder


def contents(folder: Path) -> dict[str, Any]:
    """All that a move has to keep, by path; {} where there is no such folder."""
    if not folder.exists():
        return {}
    return {str(path.relative_to(folder)): _contents(path) for path in [folder, *folder.rglob("*")]}


def archived_contents(archive: Archive, name: str) -> dict[str, Any]:
    """The same of an archived run, without the manifest and the folder's own time, which that moves."""
    found = contents(archive.home / name)
    found.pop(FILE_NAME, None)
    found.pop(".", None)
    return found


def without_own_time(found: dict[str, Any]) -> dict[str, Any]:
    return {path: value for path, value in found.items() if path != "."}


def debris(*folders: Path) -> list[str]:
    """What a move leaves lying about, if anything: hidden files, except the lock."""
    names = [path.name for folder in folders if folder.exists() for path in folder.iterdir()]
    return [name for name in names if name.startswith(".") and name != ".lock"]


def _contents(path: Path) -> tuple[Any, ...]:
    status = path.lstat()
    if path.is_symlink():
        return ("link", str(path.readlink()))
    kept = (stat.S_IMODE(status.st_mode), status.st_mtime_ns)
    if path.is_dir():
        return ("folder", *kept)
    return ("file", *kept, path.read_bytes()) if path.is_file() else ("neither", *kept)
