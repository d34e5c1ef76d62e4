"""What preparing a corpus costs, in a process of its own: a number of clips in; CPU seconds and peak memory out.

python -m raytrain.benchmarks.preparing FOLDER CLIPS

The clips are generated: noise of 0.2 to 0.4 s, each in a WAV file of its own, with all that a manifest says of it.
"""

import hashlib
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from raytrain.cli import run_door
from raytrain.config.constants import AGE_BUCKETS, GIB
from raytrain.speech.audio import SAMPLE_RATE
from raytrain.speech.corpus import prepare

_SHORTEST_S, _LONGEST_S = 0.2, 0.4
_CLIPS_A_CHILD, _CLIPS_A_FOLDER = 50, 1000
_FIRST_CLIPS = 20
"""Prepared before what counts: what a process does once, such as to import, is no part of what a clip costs."""
_WORDS = ["the", "small", "dog", "ran", "over", "a", "green", "hill", "and", "saw", "two", "red", "birds"]


def generate(folder: Path, clips: int) -> Path:
    """So many clips below the folder, which is made; their manifest."""
    folder.mkdir()
    random = np.random.default_rng(0)
    manifest = folder / "manifest.jsonl"
    with manifest.open("w", encoding="utf-8") as lines:
        for number in range(clips):
            name = f"{number // _CLIPS_A_FOLDER:04}/{number:06}.wav"
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            seconds = random.uniform(_SHORTEST_S, _LONGEST_S)
            samples = random.integers(-8000, 8000, round(seconds * SAMPLE_RATE)).astype(np.int16)
            path.write_bytes(sound := _wav(samples))
            line = {
                "utterance_id": f"u{number:06}",
                "child_id": f"c{number // _CLIPS_A_CHILD:05}",
                "session_id": f"s{number // _CLIPS_A_CHILD:05}",
                "audio_path": name,
                "audio_duration_sec": round(len(samples) / SAMPLE_RATE, 4),
                "age_bucket": AGE_BUCKETS[number // _CLIPS_A_CHILD % len(AGE_BUCKETS)],
                "md5_hash": hashlib.md5(sound, usedforsecurity=False).hexdigest(),
                "filesize_bytes": len(sound),
                "orthographic_text": " ".join(random.choice(_WORDS, 6)),
            }
            lines.write(json.dumps(line) + "\n")
    return manifest


def measure(folder: Path, clips: int) -> dict[str, Any]:
    """Prepare so many clips below the folder."""
    prepare(generate(folder / "first", _FIRST_CLIPS), cache=folder / "cache")
    manifest = generate(folder / "all", clips)
    before_gib = _gib("VmRSS")
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    corpus = prepare(manifest, cache=folder / "cache")
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    assert len(corpus) == clips
    return {
        "clips": clips,
        "cpu_s": round(cpu_s, 3),
        "wall_s": round(wall_s, 3),
        "cpu_us_a_clip": round(1e6 * cpu_s / clips, 1),
        "peak_resident_gib": round(_gib("VmHWM"), 3),
        "resident_before_gib": round(before_gib, 3),
    }


def _wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _gib(field: str) -> float:
    """A field of Linux's account of this process; resource's peak would be that of whoever started it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / GIB for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    run_door(lambda: print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2])))))
