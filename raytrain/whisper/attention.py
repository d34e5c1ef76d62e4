"""Attention as Whisper computes it here: transformers' own `sdpa`, without the masks that a GPU is waited for.

Before each forward transformers looks whether several texts were packed into a row, and in the midst of it reads the
answer back from the GPU. Here no row is packed and no prompt is padded: what is causal is so by its shape alone, which
is also what flash attention takes. Under a name that transformers has no rule of masks for, it makes and seeks none.
"""

from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

ATTENTION = "raytrain"
"""The name under which transformers' configurations find it. AttentionMaskInterface must not know it."""

AttentionInterface.register(ATTENTION, sdpa_attention_forward)
