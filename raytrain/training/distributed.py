"""Ranks: what a worker knows of the others. Without an initialised process group every function is the identity."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from raytrain.config.constants import GIB

T = TypeVar("T")

_BUCKET_ELEMENTS = 2**23
"""Gradients travel in flat pieces of about 32 MiB in float32: few messages, little extra memory."""
_SIGNS = ("DefaultCPUAllocator: can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED")
"""A lack of memory in the words of a plain RuntimeError: torch on a CPU, the CUDA driver, cuBLAS and cuDNN."""


class OutOfMemory(Exception):  # an outcome, not an error
    """A sample does not fit this hardware: a fact about the sample. Raised on every rank, whichever met it."""


def rank() -> int:
    """This worker's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """The number of workers."""
    return dist.get_world_size() if dist.is_initialized() else 1


def sum_gradients(parameters: list[torch.nn.Parameter], *, bucket_elements: int = _BUCKET_ELEMENTS) -> None:
    """Replace each gradient by its sum over ranks. A parameter that a rank has no gradient for counts as zero."""
    if world_size() == 1:
        return
    bucket: list[torch.Tensor] = []
    for parameter in parameters:
        if parameter.grad is None:  # a rank may have had no micro-batch, and all must send the same shapes
            parameter.grad = torch.zeros_like(parameter)
        bucket.append(parameter.grad)
        if sum(gradient.numel() for gradient in bucket) >= bucket_elements:
            _sum_together(bucket)
            bucket = []
    _sum_together(bucket)


def sum_over_ranks(value: torch.Tensor) -> torch.Tensor:
    """The sum of every rank's value, on every rank, on the device that the value is on."""
    if world_size() == 1:
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total


def max_over_ranks(values: list[float], *, device: torch.device) -> list[float]:
    """At each place of the list the largest of all ranks, on every rank."""
    if world_size() == 1:
        return values
    largest = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(largest, op=dist.ReduceOp.MAX)
    return [float(value) for value in largest]


def gather(mine: list[T]) -> list[T]:
    """Every rank's items, in the order of ranks, on every rank."""
    if world_size() == 1:
        return mine
    parts: list[Any] = [None] * world_size()
    dist.all_gather_object(parts, mine)
    return [item for part in parts for item in part]


def run_on_all_or_none(work: Callable[[], T], *, doing: str, device: torch.device) -> T:
    """Do `work`, which must hold no collective; where it runs out of memory on one rank, raise on all of them.

    Otherwise the ranks that had room would wait in the next reduction for ever.
    """
    result, message = None, None
    try:
        result = work()
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError; on CPU it is a plain one
        message = _out_of_memory_message(error)
        if message is None:
            raise
    if max_over_ranks([float(message is not None)], device=device)[0]:
        raise OutOfMemory(f"{doing}: {message or 'another worker ran out of memory'}")
    return result  # type: ignore[return-value]


def _out_of_memory_message(error: RuntimeError | MemoryError) -> str | None:
    """The size of the allocation that failed, in a line; None where the error is another one."""
    text = str(error)
    if not isinstance(error, torch.OutOfMemoryError | MemoryError) and not any(sign in text for sign in _SIGNS):
        return None
    asked = re.search(r"[Tt]ried to allocate ([\d.]+) ?(bytes|[KMGT]iB)?", text)
    if asked is None:
        return "a memory allocation failed"
    if asked[2] == "bytes":
        return f"tried to allocate {int(asked[1]) / GIB:.2f} GiB"
    return f"tried to allocate {asked[1]} {asked[2]}"


def _sum_together(gradients: list[torch.Tensor]) -> None:
    if not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    pieces = flat.split([gradient.numel() for gradient in gradients])
    for gradient, piece in zip(gradients, pieces, strict=True):
        gradient.copy_(piece.view_as(gradient))
