"""Measured peaks of memory in GiB (2**30 bytes), the largest of any rank; null for what this device does not have."""

import resource
import sys

import torch

from raytrain.training.distributed import max_over_ranks

_GIB = 2**30
_RU_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the kernel counts KiB on Linux, bytes on macOS


def reset_peaks(device: torch.device) -> None:
    """Forgets the CUDA peaks so far. The resident peak cannot be reset: it is the process's."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> dict[str, float | None]:
    """`reserved` is what must fit on the card, `allocated` what tensors took of it; `resident` the figure on a CPU."""
    on_card = device.type == "cuda"
    mine = [
        torch.cuda.max_memory_reserved(device) if on_card else 0,
        torch.cuda.max_memory_allocated(device) if on_card else 0,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RU_MAXRSS_BYTES,
    ]
    reserved, allocated, resident = (
        peak / _GIB for peak in max_over_ranks([float(peak) for peak in mine], device=device)
    )
    return {
        "peak_memory_reserved_gib": reserved if on_card else None,
        "peak_memory_allocated_gib": allocated if on_card else None,
        "peak_memory_resident_gib": resident,
    }
