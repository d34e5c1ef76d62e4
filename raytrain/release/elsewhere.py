"""An exported folder or submission, and clips, in; what its own code hears, in a process with no raytrain, out."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from raytrain.errors import Broken
from raytrain.speech.audio import SAMPLE_RATE

_WITHOUT_RAYTRAIN = """
import os, runpy, sys
sys.modules["raytrain"] = None  # so that importing it fails, although it may be installed here
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def heard_by_folder(
    model: Path, sounds: Sequence[np.ndarray], *, base: Path | None = None, python: str = sys.executable
) -> list[str]:
    """What `python transcribe.py FILE ...` of an exported folder prints for these sounds, float32 at 16 kHz; `base`
    holds the weights that it lies over, where it is an adapter."""
    over = () if base is None else ("--base", str(base))
    with tempfile.TemporaryDirectory(prefix="raytrain-") as scratch:
        names = _write(sounds, Path(scratch))
        printed = _run(model / "transcribe.py", *over, *names, cwd=Path(scratch), python=python)
    # A text may hold the end of a line.
    texts = re.split(r"^clip-\d+\.flac\t", printed, flags=re.MULTILINE)[1:]
    return _one_each([text.removesuffix("\n") for text in texts], names, of="transcribe.py")


def heard_by_submission(source: Path, sounds: Sequence[np.ndarray], *, python: str = sys.executable) -> list[str]:
    """What main.py in `source`, the unpacked submission.zip, submits for these sounds, started as the challenge does:
    in a folder with data/ and submission/."""
    with tempfile.TemporaryDirectory(prefix="raytrain-") as scratch:
        audio = Path(scratch, "data", "audio")
        audio.mkdir(parents=True)
        names = _write(sounds, audio)
        lines = [json.dumps({"utterance_id": name, "audio_path": f"audio/{name}"}) for name in names]
        (audio.parent / "utterance_metadata.jsonl").write_text("".join(f"{line}\n" for line in lines))
        _run(source / "main.py", cwd=Path(scratch), python=python)
        submitted = Path(scratch, "submission", "submission.jsonl").read_text(encoding="utf-8")
    rows = {row["utterance_id"]: row["orthographic_text"] for row in map(json.loads, submitted.split("\n")[:-1])}
    return _one_each([rows[name] for name in names if name in rows], names, of="main.py")


def _write(sounds: Sequence[np.ndarray], folder: Path) -> list[str]:
    names = [f"clip-{number}.flac" for number in range(len(sounds))]
    for name, sound in zip(names, sounds, strict=True):
        # As integers: from floats libsndfile scales by 32767, and each sample would be a little quieter.
        samples = np.clip(np.round(sound * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
        soundfile.write(folder / name, samples, SAMPLE_RATE, subtype="PCM_16")
    return names


def _run(code: Path, *arguments: str, cwd: Path, python: str) -> str:
    """Run a file of Python on the CPU, with no network of its own accord; what it printed."""
    command = [python, "-X", "utf8", "-c", _WITHOUT_RAYTRAIN, str(code), *arguments]
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    # In float32, as on no GPU: half precision hears otherwise now and then.
    environment = kept | {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise Broken(f"{code.name}: ended with status {done.returncode}, alone in a process: {last}")
    return done.stdout


def _one_each(texts: list[str], names: list[str], *, of: str) -> list[str]:
    if len(texts) != len(names):
        raise Broken(f"{of}: told {len(texts)} texts of {len(names)} clips, alone in a process")
    return texts
