"""Small manifests of real files for the tests of speech: tones and noise, written by soundfile."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from raytrain.speech.manifest import Utterance, iterate_manifest
from raytrain.speech.problems import ManifestProblem


def tone(seconds: float, *, hz: float = 300.0, sample_rate: int = 16_000) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * sample_rate)) / sample_rate)).astype(np.float32)


def row(folder: Path, utterance_id: str, sound: np.ndarray | None = None, **fields: Any) -> dict[str, Any]:
    """Write `<utterance_id>.flac` and return its line of the manifest; a field given as None is left out."""
    name = fields.pop("audio_path", f"{utterance_id}.flac")
    sample_rate, subtype = fields.pop("sample_rate", 16_000), fields.pop("subtype", "PCM_16")
    path = folder / name
    soundfile.write(path, tone(0.5) if sound is None else sound, sample_rate, subtype=subtype)
    line = {
        "utterance_id": utterance_id,
        "child_id": "child_" + utterance_id[:1],
        "session_id": "s1",
        "audio_path": name,
        "age_bucket": "5-7",
        "md5_hash": hashlib.md5(path.read_bytes()).hexdigest(),
        "filesize_bytes": path.stat().st_size,
        "orthographic_text": f"the words of {utterance_id}",
    }
    return {name: value for name, value in (line | fields).items() if value is not None}


def write_manifest(folder: Path, lines: list[dict[str, Any] | bytes]) -> Path:
    """Objects as JSON lines; bytes as they are."""
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path = folder / "manifest.jsonl"
    path.write_bytes(b"\n".join(raw) + b"\n")
    return path


def read_manifest(path: Path) -> tuple[list[Utterance], list[ManifestProblem]]:
    """All utterances of a manifest, and all problems."""
    items = list(iterate_manifest(path))
    utterances = [item for item in items if isinstance(item, Utterance)]
    return utterances, [item for item in items if isinstance(item, ManifestProblem)]
