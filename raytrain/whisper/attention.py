"""Attention as Whisper computes it here: transformers' own, but for bf16 on a CPU, where it is computed in float32.

torch 2.13's fused attention has a backward pass for bf16 on a CPU that takes three times as long as float32's, a fifth
of a training step of tiny. The other matrix products stay in bf16.
"""

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

ATTENTION = "raytrain"
"""The name under which transformers' configurations find it."""


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """Query, key and value [clips, heads, frames or tokens, head's width] in; [clips, frames or tokens, heads, width]
    out, in the dtype of the query."""
    if not (module.training and query.dtype == torch.bfloat16 and query.device.type == "cpu"):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
    with torch.autocast("cpu", enabled=False):
        attended, _ = sdpa_attention_forward(
            module, query.float(), key.float(), value.float(), attention_mask, **settings
        )
    return attended.to(query.dtype), None


AttentionInterface.register(ATTENTION, attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
