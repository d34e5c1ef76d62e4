"""Greedy decoding: what the encoder heard of each clip in; the tokens of each, cut at its limit, out.

transformers' generate() without its generality, token for token: keys and values have their places from the start,
clips of several audio windows are decoded together, each has a limit of its own, and one that has ended is dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch.nn import functional

_DROPPED_SHARE = 0.25
"""Of the clips that are still computed; keys and values are copied no more often than that."""
_STEPS_BETWEEN_LOOKS = {"cpu": 1, "cuda": 8}
"""Tokens emitted before it is asked who has ended, for which a GPU has to be waited for."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the decoder starts from, what ends it, and what it must never emit."""

    prompt: Sequence[int]
    end: int
    suppressed: Sequence[int] = ()
    suppressed_first: Sequence[int] = ()
    """Besides, at the first token."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the encoder heard of the clips of one window."""

    states: torch.Tensor
    """The encoder's last [clips, positions, width]."""
    counted: torch.Tensor | None = None
    """What attention adds to each position, a logarithm, where it stands for several."""


def greedy(model: Any, heard: Sequence[Heard], limits: Sequence[int], rules: Rules) -> list[list[int]]:
    """The most likely next token, again and again, for each clip: up to its limit or its end, which is the last.

    `heard` is of the clips of each window; `limits` holds the most new tokens of each clip, in the same order. The
    model is in evaluation mode.
    """
    decoder = _Decoder(model, heard, places=len(rules.prompt) + max(limits))
    device = heard[0].states.device
    rows = torch.arange(len(limits), device=device)
    most = torch.tensor(limits, device=device)
    emitted = torch.full((len(limits), max(limits)), rules.end, device=device)
    tokens = torch.tensor([list(rules.prompt)] * len(limits), device=device)
    suppressed, suppressed_first = (
        torch.tensor(list(some), dtype=torch.long, device=device) for some in (rules.suppressed, rules.suppressed_first)
    )
    look_every = _STEPS_BETWEEN_LOOKS.get(device.type, 1)
    for step in range(max(limits)):
        logits = decoder.next_logits(tokens)
        logits.index_fill_(1, suppressed, -torch.inf)
        if step == 0:
            logits.index_fill_(1, suppressed_first, -torch.inf)
        tokens = logits.argmax(-1, keepdim=True)
        emitted[rows, step] = tokens[:, 0]
        if (step + 1) % look_every == 0:
            goes_on = ((emitted[rows, : step + 1] != rules.end).all(1) & (step + 1 < most[rows])).cpu()
            if not goes_on.any():
                break
            if goes_on.sum() <= (1 - _DROPPED_SHARE) * len(rows):
                decoder.keep(goes_on)
                kept = goes_on.to(device)
                rows, tokens = rows[kept], tokens[kept]
    return [_cut(row[:limit], rules.end) for row, limit in zip(emitted.tolist(), limits, strict=True)]


def _cut(row: list[int], end: int) -> list[int]:
    return row[: row.index(end) + 1] if end in row else row


class _Decoder:
    """The decoder's layers over what has been emitted so far; upstream's arithmetic, in its order.

    Source: WhisperDecoderLayer and WhisperAttention of transformers' modeling_whisper.py.
    """

    def __init__(self, model: Any, heard: Sequence[Heard], *, places: int) -> None:
        self._model, self._decoder = model, model.get_decoder()
        self._groups = [len(one.states) for one in heard]
        self._heard = [
            [[_heads(layer, project(one.states)) for project in (layer.k_proj, layer.v_proj)] for one in heard]
            for layer in (layer.encoder_attn for layer in self._decoder.layers)
        ]
        """Of each layer and each window the keys and values [clips, heads, positions, head width]."""
        dtype = self._heard[0][0][0].dtype
        self._counted = [None if one.counted is None else one.counted.to(dtype) for one in heard]
        self._said: list[list[torch.Tensor]] = []
        """Of each layer those of the tokens, with places for all that may come."""
        self._places, self._done = places, 0

    def next_logits(self, tokens: torch.Tensor) -> torch.Tensor:
        """Scores [clips, vocabulary] in float32 of what follows these tokens [clips, tokens], and those before."""
        start, self._done = self._done, self._done + tokens.shape[1]
        states = self._decoder.embed_tokens(tokens) + self._decoder.embed_positions.weight[start : self._done]
        for number, layer in enumerate(self._decoder.layers):
            states = states + self._over_tokens(number, layer.self_attn, layer.self_attn_layer_norm(states))
            states = states + self._over_sound(number, layer.encoder_attn, layer.encoder_attn_layer_norm(states))
            wide = layer.activation_fn(layer.fc1(layer.final_layer_norm(states)))
            states = states + layer.fc2(wide)
        last = self._decoder.layer_norm(states[:, -1])
        return self._model.proj_out(last).to(torch.float32, copy=True)

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these clips alone, a boolean of each on the CPU."""
        bounds = list(pairwise(accumulate(self._groups, initial=0)))
        of_group = [rows[start:end] for start, end in bounds]
        kept = [(place, chosen) for place, chosen in enumerate(of_group) if chosen.any()]
        # Layer by layer: no more than one layer's keys and values are there twice.
        for number, layer in enumerate(self._heard):
            self._heard[number] = [_chosen(layer[place], chosen) for place, chosen in kept]
        for number, said in enumerate(self._said):
            self._said[number] = _chosen(said, rows)
        self._groups = [int(chosen.sum()) for _, chosen in kept]
        self._counted = [self._counted[place] for place, _ in kept]

    def _over_tokens(self, number: int, attention: Any, states: torch.Tensor) -> torch.Tensor:
        new = [_heads(attention, project(states)) for project in (attention.k_proj, attention.v_proj)]
        if number == len(self._said):
            clips, heads, _, width = new[0].shape
            self._said.append([part.new_empty(clips, heads, self._places, width) for part in new])
        start = self._done - states.shape[1]
        for there, part in zip(self._said[number], new, strict=True):
            there[:, :, start : self._done] = part
        keys, values = (there[:, :, : self._done] for there in self._said[number])
        mixed = _attend(_query(attention, states), keys, values, is_causal=states.shape[1] > 1)
        return attention.out_proj(mixed)

    def _over_sound(self, number: int, attention: Any, states: torch.Tensor) -> torch.Tensor:
        queries = _query(attention, states).split(self._groups)
        mixed = [
            _attend(query, keys, values, added=added)
            for query, (keys, values), added in zip(queries, self._heard[number], self._counted, strict=True)
        ]
        return attention.out_proj(torch.cat(mixed))


def _query(attention: Any, states: torch.Tensor) -> torch.Tensor:
    return _heads(attention, attention.q_proj(states) * attention.scaling)


def _heads(attention: Any, states: torch.Tensor) -> torch.Tensor:
    """[clips, places, width] as [clips, heads, places, head width]."""
    return states.unflatten(-1, (attention.num_heads, attention.head_dim)).transpose(1, 2).contiguous()


def _attend(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    *,
    is_causal: bool = False,
    added: torch.Tensor | None = None,
) -> torch.Tensor:
    # The queries are scaled before, as upstream does it.
    mixed = functional.scaled_dot_product_attention(query, keys, values, added, is_causal=is_causal, scale=1.0)
    return mixed.transpose(1, 2).flatten(2)


def _chosen(tensors: list[torch.Tensor], rows: torch.Tensor) -> list[torch.Tensor]:
    if rows.all():
        return tensors
    places = rows.nonzero(as_tuple=True)[0].to(tensors[0].device)  # a mask there would be waited for, tensor by tensor
    return [tensor.index_select(0, places) for tensor in tensors]
