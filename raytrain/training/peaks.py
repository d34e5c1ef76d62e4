"""Measured peaks of memory in GiB, the largest of any rank; null for what this device does not have."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

from raytrain.config.constants import GIB
from raytrain.training.distributed import max_over_ranks

Phase = Literal["train", "evaluate"]
_RU_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the kernel counts KiB on Linux, bytes on macOS


class MemoryMeter:
    """Peaks of memory from its making on, those of training and of scoring apart. The resident peak is that of the
    process, and cannot be taken apart."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._on_card = device, device.type == "cuda"
        self._phase: Phase = "train"
        self._by_phase = {phase: {"reserved_gib": 0.0, "allocated_gib": 0.0} for phase in ("train", "evaluate")}
        self._retries_before = self._retries()
        if self._on_card:
            torch.cuda.reset_peak_memory_stats(device)

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """Count what happens meanwhile as this phase."""
        self._note()
        outer, self._phase = self._phase, phase
        try:
            yield
        finally:
            self._note()
            self._phase = outer

    def peaks(self) -> dict[str, Any]:
        """The peaks so far, which all ranks ask for at the same time. `reserved` must fit on the card, of which tensors
        took `allocated`; `resident` is the figure on a CPU."""
        self._note()
        # psutil knows no peak of a process but on Windows.
        resident_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RU_MAXRSS_BYTES / GIB
        mine = [gib for phase in self._by_phase.values() for gib in phase.values()]
        retries = float(self._retries() - self._retries_before)
        *on_card, retries, resident_gib = max_over_ranks([*mine, retries, resident_gib], device=self._device)
        reserved, allocated = on_card[::2], on_card[1::2]
        phases = zip(self._by_phase, reserved, allocated, strict=True)
        return {
            "peak_memory_reserved_gib": max(reserved) if self._on_card else None,
            "peak_memory_allocated_gib": max(allocated) if self._on_card else None,
            "peak_memory_resident_gib": resident_gib,
            "peak_memory_by_phase": {
                phase: {"reserved_gib": reserved_gib, "allocated_gib": allocated_gib}
                for phase, reserved_gib, allocated_gib in phases
                if self._on_card
            },
            "allocator_retries": int(retries) if self._on_card else None,
        }

    def _note(self) -> None:
        """Enter the card's peaks since the last time under the phase that was."""
        if not self._on_card:
            return
        noted = self._by_phase[self._phase]
        noted["reserved_gib"] = max(noted["reserved_gib"], torch.cuda.max_memory_reserved(self._device) / GIB)
        noted["allocated_gib"] = max(noted["allocated_gib"], torch.cuda.max_memory_allocated(self._device) / GIB)
        torch.cuda.reset_peak_memory_stats(self._device)

    def _retries(self) -> int:
        return int(torch.cuda.memory_stats(self._device).get("num_alloc_retries", 0)) if self._on_card else 0
