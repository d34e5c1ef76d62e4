"""Weights at rest in; what is wrong with them, by file, out.

What we wrote carries the sha256 of its files. What comes from elsewhere is looked at: shapes, the kind of its numbers,
their values.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.config.baseline import Model
from raytrain.errors import InputError
from raytrain.files import SUMS, read_as, sum_faults
from raytrain.whisper.configs import SHAPE
from raytrain.whisper.folders import described, is_adapter, missing
from raytrain.whisper.shapes import tensor_shapes
from raytrain.whisper.variants import VARIANTS, Variant

BESIDE_WEIGHTS = ("training_state.pt", "utterances.jsonl")
"""Files of a checkpoint that its weights do without."""
_WEIGHTS = "model.safetensors"
_INDEX = f"{_WEIGHTS}.index.json"
_KINDS = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16}
"""safetensors' names; bf16 is the upper half of a float32."""
_AT_ONCE = 2**20
_LARGEST = 65504.0
"""Half precision ends here, and weights are published in it; one flipped bit of an exponent leads far beyond."""
_TIED = "proj_out.weight"
"""The output layer, which is the token embedding and not kept."""


def written_fault(folder: Path, model: Model, *, but: Collection[str] = BESIDE_WEIGHTS) -> str | None:
    """What is not as it was written, or, where no sums were written, cannot be this model's; None where all is well."""
    try:
        if lacking := missing(folder):
            return f"{lacking[0]}: missing"
        if (folder / SUMS).exists():
            return next(sum_faults(folder, but=but), None)
        require_variant(model, folder)
    except InputError as error:
        return str(error)
    return None if is_adapter(folder) else fault_seen(folder)  # an adapter is looked at beside its weights


def fault_seen(folder: Path) -> str | None:
    """What cannot be Whisper's in the weights of a folder, whoever wrote them: every number is read once."""
    from safetensors import SafetensorError, safe_open

    shapes = tensor_shapes(folder)
    for file in weight_files(folder):
        try:
            with safe_open(file, framework="np") as tensors:
                numbers = _Numbers(file)
                for name in tensors.keys():  # noqa: SIM118 - the handle is no mapping
                    if odd := _oddity(tensors, name, shapes.pop(name, None), numbers=numbers):
                        return f"{file.name}: {name} {odd}"
        except (SafetensorError, OSError) as error:
            return f"{file.name}: cannot be read ({error})"
    shapes.pop(_TIED, None)
    if shapes:
        more = f" and {len(shapes) - 1} more" if len(shapes) > 1 else ""
        return f"{_WEIGHTS}: the weights lack {min(shapes)}{more}"
    return None


def require_variant(model: Model, folder: Path) -> None:
    """Refuse weights of another shape than the configured variant's, with the variant that they are."""
    require_whisper(folder)
    wanted, same = VARIANTS[model.variant], variant_of(folder)
    if same == wanted.name:
        return
    what = f"are whisper-{same}" if same else f"have the shape of no variant ({_described_shape(folder)})"
    way_out = f"set model.variant={same}, or name" if same else "name"
    raise InputError(
        f"model.variant: the weights of {model.pretrained} {what}, not whisper-{model.variant}; "
        f"{way_out} weights such as model.pretrained={wanted.hub_id}"
    )


def require_whisper(folder: Path) -> None:
    """Refuse the weights of a model of another type."""
    found = described(folder)["model_type"]
    if found != "whisper":
        raise InputError(f"model.pretrained: {folder} holds a model of type {found}, not whisper; name other weights")


def variant_of(folder: Path) -> str | None:
    """The variant whose shape the weights of a folder have; None where no variant's, as of a distilled Whisper."""
    shape = _described_shape(folder)
    return next((variant.name for variant in VARIANTS.values() if _shape(variant) == shape), None)


def _described_shape(folder: Path) -> dict[str, Any]:
    config = described(folder)
    return {field: config.get(key) for key, field in SHAPE.items()}


def _shape(variant: Variant) -> dict[str, int]:
    return {field: getattr(variant, field) for field in SHAPE.values()}


def weight_files(folder: Path) -> Iterator[Path]:
    """The files that hold the weights of a folder: one, or those that its index names."""
    if (folder / _WEIGHTS).is_file():
        yield folder / _WEIGHTS
        return
    shards = read_as(folder / _INDEX, dict[str, Any], way_out="fetch it again").get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
        raise InputError(f"{folder / _INDEX}: weight_map: must name a file for each tensor; fetch it again")
    yield from (folder / Path(name).name for name in sorted(set(shards.values())))


def _oddity(tensors: Any, name: str, expected: tuple[int, ...] | None, *, numbers: "_Numbers") -> str | None:
    """What is wrong with one tensor; one that the model does not have is not used, and may be anything."""
    if expected is None:
        return None
    header = tensors.get_slice(name)
    if (kind := header.get_dtype()) not in _KINDS:
        return f"holds numbers of kind {kind}, not floating-point ones"
    if (shape := tuple(header.get_shape())) != expected:
        return f"has the shape {shape}, and {expected} by config.json"
    extremes = [(part.min(), part.max()) for part in numbers.of(name, kind)]
    least, most = float(np.min(extremes)), float(np.max(extremes))
    if not -_LARGEST <= least <= most <= _LARGEST:  # false for NaN, too, which spreads
        return f"holds numbers from {least:g} to {most:g}, as no trained weights do"
    if least == most == 0 and len(shape) > 1:
        return "is all zeros"
    return None


class _Numbers:
    """Those of a safetensors file that was found to be whole. safetensors hands bf16 to torch alone."""

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            header_bytes = int.from_bytes(opened.read(8), "little")
            self._header = json.loads(opened.read(header_bytes))
        self._file, self._begin = file, 8 + header_bytes

    def of(self, name: str, kind: str) -> Iterator[np.ndarray]:
        """A tensor's numbers, some at a time."""
        begin, end = self._header[name]["data_offsets"]
        raw = np.memmap(self._file, mode="r", offset=self._begin + begin, shape=(end - begin,)).view(_KINDS[kind])
        for start in range(0, len(raw), _AT_ONCE):
            part = raw[start : start + _AT_ONCE]
            if kind == "BF16":
                part = (part.astype(np.uint32) << 16).view(np.float32)
            yield part.astype(np.float32) if kind == "F16" else part  # numpy is slow to compare halves
