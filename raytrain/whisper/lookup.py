"""Token numbers in; what Whisper is given of them in training, out: themselves or, on a CPU, their embeddings.

A lookup's gradient is torch's a matrix of the whole vocabulary, nearly all zeros: made, filled and added to that of the
head, which has the same weights, in every micro-batch. On a CPU, which is slow to fill memory, only the rows that were
looked up are added, once the head's gradient is there. A GPU fills it in no time, and torch's own order of things holds
less memory: a lookup before the encoder's forward would have its turn after the encoder's backward.
"""

from functools import partial

import torch


def decoder_inputs(embedding: torch.nn.Embedding, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    """Keyword arguments for tokens [clips, tokens]. On a CPU the embedding's gradient goes to its weight by itself:
    `backward()` gives all of it, and `torch.autograd.grad` would not."""
    weight = embedding.weight
    if weight.device.type != "cpu" or not (weight.requires_grad and torch.is_grad_enabled()):
        return {"decoder_input_ids": tokens}
    rows = weight.detach()[tokens].requires_grad_()
    rows.register_hook(partial(_add_rows, embedding, tokens))
    return {"decoder_inputs_embeds": rows}


def _add_rows(embedding: torch.nn.Embedding, tokens: torch.Tensor, gradient: torch.Tensor) -> None:
    weight, learns = embedding.weight, tokens != embedding.padding_idx
    if weight.grad is None:  # the head, which comes first in a backward pass, has other weights
        weight.grad = torch.zeros_like(weight)
    weight.grad.index_add_(0, tokens[learns], gradient[learns].to(weight.dtype))
