"""Attention that no GPU is waited for: a model in; the same, whose forward makes no masks, out.

Before each forward transformers looks whether several texts were packed into a row, and in the midst of it reads the
answer back from the GPU. Here no row is packed and no prompt is padded: what is causal is so by its shape alone, which
is also what flash attention takes. Under a name that transformers has no rule of masks for, it makes and seeks none;
what is computed is its own `sdpa`, to the bit.
"""

from typing import Any

NAME = "sdpa_without_masks"


def make_no_masks(model: Any) -> None:
    """Let this Whisper attend without masks from now on; a folder that it is saved to does not say so."""
    from transformers import AttentionInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    AttentionInterface.register(NAME, sdpa_attention_forward)
    model.set_attn_implementation(NAME)
