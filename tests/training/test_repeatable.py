"""The same step twice on many threads: the same bits."""

from collections.abc import Iterator

import pytest
import torch
from small_runs import CPU, FP32, small_whisper

from raytrain.training.feed import MicroBatch, StepData
from raytrain.training.loop import _gradients
from raytrain.training.repeatable import repeatable
from raytrain.whisper.weights import Whisper

CLIPS, TOKENS = 32, 32
"""At a width of 64 twice as many values as torch leaves to one thread."""


@pytest.fixture
def _many_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    yield
    torch.set_num_threads(before)


def step() -> StepData:
    torch.manual_seed(0)
    batch = MicroBatch(torch.randn(CLIPS, 80, 20), torch.randint(0, 200, (CLIPS, TOKENS)))
    return StepData(step=0, examples=CLIPS, tokens=CLIPS * TOKENS, window_s=0.2, micro_batches=[batch])


def gradients(whisper: Whisper, data: StepData) -> bytes:
    whisper.model.zero_grad()
    _gradients(whisper, data, FP32.gradient_scaler(), seed=0, precision=FP32)
    trained = (parameter for parameter in whisper.model.parameters() if parameter.requires_grad)
    return b"".join(parameter.grad.numpy().tobytes() for parameter in trained)


@pytest.mark.usefixtures("_many_threads")
def test_many_threads_give_the_same_gradients_to_the_bit_every_time() -> None:
    whisper, data = small_whisper(dropout=0.1), step()
    whisper.model.train()
    assert len({gradients(whisper, data) for _ in range(6)}) == 1


def test_torchs_settings_are_as_they_were_afterwards() -> None:
    before = torch.get_deterministic_debug_mode(), torch.utils.deterministic.fill_uninitialized_memory
    with repeatable(CPU):
        assert torch.are_deterministic_algorithms_enabled()
    assert (torch.get_deterministic_debug_mode(), torch.utils.deterministic.fill_uninitialized_memory) == before
