"""In which numbers a step is computed. In: the precision asked for and the device. Out: a Precision.

What learns, its gradients and AdamW's moments are float32 in every case; fp16 and bf16 are autocast's.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, assert_never

import torch

from raytrain.errors import InputError

Name = Literal["fp16", "bf16", "fp32"]
Asked = Literal["auto"] | Name
_AUTOCAST = {"fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Precision:
    """The precision that is used, which on a CPU is not always the one asked for."""

    name: Name
    device: torch.device
    note: str | None = None
    """A line for the person where another precision was asked for."""

    def autocast(self) -> AbstractContextManager[object]:
        """torch's autocast to this precision; switched off in float32."""
        if self.name == "fp32":
            return torch.autocast(self.device.type, enabled=False)
        return torch.autocast(self.device.type, dtype=_AUTOCAST[self.name])

    def one_cast_of_each_weight(self) -> AbstractContextManager[object]:
        """A block in which a CPU casts a weight once and not at each `autocast`; in it weights must not change. A GPU
        casts each time: what is kept would lie in its memory as gradients are made."""
        # autocast drops its casts where the outermost block ends, whether or not that one casts.
        return torch.autocast("cpu", enabled=False) if self.device.type == "cpu" else nullcontext()

    def gradient_scaler(self) -> torch.amp.GradScaler:
        """torch's gradient scaler; switched off, and then the identity, in any precision with float32's range."""
        return torch.amp.GradScaler(self.device.type, enabled=self.name == "fp16")


def resolve(asked: Asked, *, device: torch.device) -> Precision:
    """The precision to train and score in."""
    has_gpu = device.type == "cuda"
    match asked:
        case "fp32":
            return Precision(asked, device)
        case "bf16":
            if has_gpu and not _gpu_computes_bf16():
                name = torch.cuda.get_device_name(device)
                raise InputError(f"training.precision: {name} has no bf16; set fp16, auto or fp32")
            return Precision(asked, device)
        case "fp16" | "auto" if not has_gpu:
            used: Name = "bf16" if _cpu_computes_bf16() else "fp32"
            return Precision(used, device, note=f"no GPU: training in {used} where {asked} was asked for")
        case "auto":
            return Precision("bf16" if _gpu_computes_bf16() else "fp16", device)
        case "fp16":
            return Precision(asked, device)
        case unknown:
            assert_never(unknown)


def _gpu_computes_bf16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _cpu_computes_bf16() -> bool:
    """Whether the CPU has instructions for bf16; without them it is emulated, and slower than float32."""
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))
