"""Checkpoints as small as can be, and the ways in which a disk, a copy or a person damages one."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save

from raytrain.files import write_sums

_WEIGHTS = "model.safetensors"


def small_checkpoint(folder: Path, *, eval_wer: float = 0.5) -> Path:
    """A checkpoint's files with their sums; its weights are of no model, and nobody needs them to be."""
    folder.mkdir(parents=True)
    values = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    (folder / _WEIGHTS).write_bytes(save({"one": values, "two": values * 2}, metadata={"format": "pt"}))
    (folder / "config.json").write_text('{"model_type": "whisper"}')
    (folder / "tokenizer.json").write_text("{}")
    step = int(folder.name.removeprefix("step-"))
    (folder / "raytrain.json").write_text(json.dumps({"step": step, "eval_wer": eval_wer, "source": None}))
    (folder / "utterances.jsonl").touch()
    torch.save({"step": step, "row": {}, "optimizer": {}, "scaler": {}}, folder / "training_state.pt")
    write_sums(folder)
    return folder


def _put(path: Path, content: bytes) -> None:
    path.unlink()  # a copy may share its bytes with what it was copied from
    path.write_bytes(content)


def _of_bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: _put(folder / _WEIGHTS, change((folder / _WEIGHTS).read_bytes()))


def _of_tensors(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        tensors = {name: change(tensor) for name, tensor in load_file(folder / _WEIGHTS).items()}
        _put(folder / _WEIGHTS, save(tensors, metadata={"format": "pt"}))

    return damage


def _overlapping(content: bytes) -> bytes:
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    first, second = [name for name in header if name != "__metadata__"][:2]
    header[second]["data_offsets"] = header[first]["data_offsets"]
    changed = json.dumps(header).encode()
    return len(changed).to_bytes(8, "little") + changed + content[8 + size :]


def _flipped(tensor: np.ndarray) -> np.ndarray:
    """The highest bit of one exponent: 0.02 becomes some 10 ** 37."""
    changed = tensor.copy()
    at = int(np.argmax(np.abs(changed) * (np.abs(changed) < 1)))
    bits = changed.reshape(-1).view(f"u{changed.itemsize}")
    bits[at] ^= 1 << (8 * changed.itemsize - 2)
    return changed


def _folder(folder: Path) -> None:
    (folder / _WEIGHTS).unlink()
    (folder / _WEIGHTS).mkdir()


def _cut_state(folder: Path) -> None:
    state = folder / "training_state.pt"
    _put(state, state.read_bytes()[: state.stat().st_size // 2])


OF_WEIGHTS: dict[str, Callable[[Path], None]] = {
    "half a file": _of_bytes(lambda content: content[: len(content) // 2]),
    "a byte less": _of_bytes(lambda content: content[:-1]),
    "a byte more": _of_bytes(lambda content: content + b"\0"),
    "a lying header": _of_bytes(lambda content: (2**62).to_bytes(8, "little") + content[8:]),
    "a pickle": _of_bytes(lambda _: pickle.dumps({"weights": [0.0]})),
    "overlapping offsets": _of_bytes(_overlapping),
    "another dtype": _of_tensors(lambda tensor: tensor.astype(np.int32)),
    "all NaN": _of_tensors(lambda tensor: np.full_like(tensor, np.nan)),
    "all zeros": _of_tensors(np.zeros_like),
    "empty": _of_bytes(lambda _: b""),
    "missing": lambda folder: (folder / _WEIGHTS).unlink(),
    "a folder": _folder,
}
"""Damages that show in the weights of anybody."""
OF_A_MODEL = OF_WEIGHTS | {
    "a flipped exponent": _of_tensors(_flipped),
    "another model's config": lambda folder: _put(folder / "config.json", b'{"model_type": "wav2vec2"}'),
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "no sums": lambda folder: _put(folder / "SHA256SUMS", b""),
}
"""Damages of what is exported."""
OF_A_CHECKPOINT = OF_A_MODEL | {
    "half a state": _cut_state,
    "no state": lambda folder: (folder / "training_state.pt").unlink(),
}
"""Damages of what a run goes on from."""


def damaged_copy(folder: Path, into: Path, damage: Callable[[Path], None]) -> Path:
    """The same folder with one damage."""
    shutil.copytree(folder, into)
    into.chmod(0o755)
    damage(into)
    return into
