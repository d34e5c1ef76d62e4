"""Attention in bf16 on a CPU: trained in float32, and left as it is elsewhere."""

import pytest
import torch
from torch.nn import functional

from raytrain.whisper.attention import attention

CLIPS, HEADS, FRAMES, WIDTH = 2, 3, 50, 16


@pytest.fixture
def heads() -> list[torch.Tensor]:
    """Query, key, value."""
    made = torch.Generator().manual_seed(0)
    return [torch.randn(CLIPS, HEADS, FRAMES, WIDTH, generator=made) for _ in range(3)]


def attended(heads: list[torch.Tensor], *, is_training: bool) -> torch.Tensor:
    module = torch.nn.Module().train(is_training)
    module.is_causal = False  # type: ignore[assignment]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return attention(module, *heads, None, scaling=1.0, dropout=0.0)[0]


def test_training_in_bf16_computes_attention_in_float32_and_rounds_it_once(heads: list[torch.Tensor]) -> None:
    rounded = [each.bfloat16() for each in heads]
    exact = functional.scaled_dot_product_attention(*(each.float() for each in rounded), scale=1.0).transpose(1, 2)
    assert torch.equal(attended(rounded, is_training=True), exact.bfloat16())
    assert not torch.equal(attended(rounded, is_training=False), exact.bfloat16()), "listening takes torch's own"


def test_its_gradients_are_those_of_float32_rounded_once(heads: list[torch.Tensor]) -> None:
    rounded = [each.bfloat16().requires_grad_() for each in heads]
    wanted = [each.detach().float().requires_grad_() for each in rounded]
    functional.scaled_dot_product_attention(*wanted, scale=1.0).transpose(1, 2).sum(dim=1).pow(2).sum().backward()
    attended(rounded, is_training=True).float().sum(dim=1).pow(2).sum().backward()
    for one, exact in zip(rounded, wanted, strict=True):
        assert one.grad is not None
        assert exact.grad is not None
        torch.testing.assert_close(one.grad.float(), exact.grad, rtol=0.02, atol=0.02 * float(exact.grad.abs().max()))


def test_in_float32_it_is_transformers_own_to_the_bit(heads: list[torch.Tensor]) -> None:
    module = torch.nn.Module().train()
    module.is_causal = False  # type: ignore[assignment]
    exact = functional.scaled_dot_product_attention(*heads, scale=1.0).transpose(1, 2)
    assert torch.equal(attention(module, *heads, None, scaling=1.0, dropout=0.0)[0], exact)
