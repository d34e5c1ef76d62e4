"""Measured peaks of memory in GiB (2**30 bytes), the largest of any rank; null for what this device does not have."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

from raytrain.training.distributed import max_over_ranks

Phase = Literal["train", "evaluate"]
_PHASES: tuple[Phase, ...] = ("train", "evaluate")
_GIB = 2**30
_RU_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the kernel counts KiB on Linux, bytes on macOS


class MemoryMeter:
    """Counts from its making on, what trains and what scores apart. The resident peak is the process's, and cannot be
    taken apart."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._on_card = device, device.type == "cuda"
        self._phase: Phase = "train"
        self._reserved = dict.fromkeys(_PHASES, 0.0)
        self._allocated = dict.fromkeys(_PHASES, 0.0)
        self._retries_before = self._retries()
        if self._on_card:
            torch.cuda.reset_peak_memory_stats(device)

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """What happens meanwhile counts as this phase."""
        self._note()
        outer, self._phase = self._phase, phase
        try:
            yield
        finally:
            self._note()
            self._phase = outer

    def peaks(self) -> dict[str, Any]:
        """So far. `reserved` is what must fit on the card, `allocated` what tensors took of it; `resident` the figure
        on a CPU. All ranks ask at the same time."""
        self._note()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RU_MAXRSS_BYTES / _GIB
        mine = [
            *self._reserved.values(),
            *self._allocated.values(),
            float(self._retries() - self._retries_before),
            resident,
        ]
        *on_card, retries, resident = max_over_ranks(mine, device=self._device)
        reserved, allocated = on_card[: len(_PHASES)], on_card[len(_PHASES) :]
        return {
            "peak_memory_reserved_gib": max(reserved) if self._on_card else None,
            "peak_memory_allocated_gib": max(allocated) if self._on_card else None,
            "peak_memory_resident_gib": resident,
            "peak_memory_by_phase": {
                phase: {"reserved_gib": reserved[index], "allocated_gib": allocated[index]}
                for index, phase in enumerate(_PHASES)
                if self._on_card
            },
            "allocator_retries": int(retries) if self._on_card else None,
        }

    def _note(self) -> None:
        """Enter the card's peaks since the last time under the phase that was."""
        if not self._on_card:
            return
        reserved, allocated = (
            peak(self._device) / _GIB for peak in (torch.cuda.max_memory_reserved, torch.cuda.max_memory_allocated)
        )
        self._reserved[self._phase] = max(self._reserved[self._phase], reserved)
        self._allocated[self._phase] = max(self._allocated[self._phase], allocated)
        torch.cuda.reset_peak_memory_stats(self._device)

    def _retries(self) -> int:
        return int(torch.cuda.memory_stats(self._device).get("num_alloc_retries", 0)) if self._on_card else 0
