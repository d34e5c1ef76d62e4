"""Attention as Whisper computes it here: transformers' own `sdpa`, without the masks that a GPU is waited for.

Before each forward transformers looks whether several texts were packed into a row, and in the midst of it reads the
answer back from the GPU. Here no row is packed and no prompt is padded: what is causal is so by its shape alone, which
is also what flash attention takes. Under a name that transformers has no rule of masks for, it makes and seeks none.

Training in bf16 on a CPU alone computes something else: torch 2.13's backward pass takes three times as long there as
float32's, so attention is computed in float32.
"""

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

ATTENTION = "raytrain"
"""The name under which transformers' configurations find it. AttentionMaskInterface must not know it."""


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """Query, key and value [clips, heads, frames or tokens, head's width] in; [clips, frames or tokens, heads, width]
    out, in the dtype of the query. What a module's `counted` says is added to each key's score."""
    if module.training and query.dtype == torch.bfloat16 and query.device.type == "cpu":
        with torch.autocast("cpu", enabled=False):
            attended, _ = attention(module, query.float(), key.float(), value.float(), attention_mask, **settings)
        return attended.to(query.dtype), None
    counted = getattr(module, "counted", None)
    mask = attention_mask if counted is None else counted.to(query.dtype)
    return sdpa_attention_forward(module, query, key, value, mask, **settings)


AttentionInterface.register(ATTENTION, attention)
