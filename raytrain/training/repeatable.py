"""A device in; a block in which the same operations on it give the same bits every time, out.

On a CPU with several threads torch adds up the gradient of `weight[positions]`, as Whisper's decoder looks up its
positions, by atomic additions in whatever order the threads come: the last bits of a step differ from run to run, the
more the busier the machine. Told to be deterministic it adds in one order, and no slower.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Hold what is computed within to one order on a CPU; on a GPU leave torch's settings as they are."""
    if device.type != "cpu":
        yield
        return
    deterministic: Any = torch.utils.deterministic  # its one setting has no type
    mode = torch.get_deterministic_debug_mode()
    fills = deterministic.fill_uninitialized_memory
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would import the compiler: seconds
    deterministic.fill_uninitialized_memory = False  # else every new tensor is filled with NaN first
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        deterministic.fill_uninitialized_memory = fills
